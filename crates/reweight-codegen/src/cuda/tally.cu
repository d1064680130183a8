// Counters: valid, positives, then classes and regions as asked for. Integer additions, so any order gives the same.
#define COUNTERS @counters@
