#!/bin/sh
# Stands in for nvcc while the bundle is built: compiles with NVCC_REAL, and says of PTX that is written to a folder that it
# is of an older version of the language, where the assembler takes it for that. A driver takes PTX up to its own version
# only, and the GPU machine's may be older than this toolkit.
OLDER=7.0
"$NVCC_REAL" "$@" || exit
case " $* " in *" --ptx "*) ;; *) exit 0 ;; esac
for word; do
    case $previous in --output-directory) folder=$word ;; esac
    case $word in --gpu-architecture=*) architecture=${word#*=} ;; esac
    previous=$word
done
ptx=$folder/$(basename "$previous" .cu).ptx
sed "s/^\.version .*/.version $OLDER/" "$ptx" > "$ptx.older" || exit
if "$(dirname "$NVCC_REAL")/ptxas" --gpu-name "$architecture" -o "$ptx.cubin" "$ptx.older"; then
    mv "$ptx.older" "$ptx"
else
    rm "$ptx.older"
fi
rm -f "$ptx.cubin"
