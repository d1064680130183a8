// Unpacks the plotting library and the charts, and draws them in the page's colours; redraws what a toggle, a change of
// width, of the colour scheme, or printing calls for.
"use strict";
(async () => {
  const root = document.documentElement;
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down"];
  const shown = new Set();
  let charts = [];

  const theme = () => {
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    const series = [];
    for (let index = 0; colour("series-" + index); index++) series.push(colour("series-" + index));
    return { ink: colour("ink"), muted: colour("muted"), line: colour("line"), page: colour("page"), card: colour("card"), series };
  };

  // Plotly breaks no lines: titles of axes are broken here, at blanks.
  const wrap = (text, letters) => {
    const lines = [""];
    for (const word of text.split(" ")) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= letters) lines.push(word);
      else lines[lines.length - 1] = last ? last + " " + word : word;
    }
    return lines.join("<br>");
  };

  const painted = (trace, colours) => {
    const copy = { ...trace, line: { ...trace.line }, marker: { ...trace.marker } };
    const group = trace.legendgroup === undefined ? undefined : Number(trace.legendgroup);
    const inGroup = group !== undefined;
    const colour = inGroup ? colours.series[group % colours.series.length] : colours.muted;
    // A page without toggles shows everything.
    if (inGroup) copy.visible = boxes.length === 0 || shown.has(group);
    if (trace.type === "bar") {
      copy.marker.color = colour;
      // Grey is a colour of the series, too.
      if (!inGroup) copy.marker.pattern = { shape: "/", fgcolor: colours.muted, bgcolor: colours.page, fillmode: "overlay", size: 6 };
      copy.marker.line = { color: colour, width: 1 };
      delete copy.line;
      return copy;
    }
    // The outermost steps are as wide as the others.
    if (trace.line?.shape === "hvh" && trace.x.length > 1) {
      const [x, y, last] = [trace.x, trace.y, trace.x.length - 1];
      copy.x = [(3 * x[0] - x[1]) / 2, ...x, (3 * x[last] - x[last - 1]) / 2];
      copy.y = [y[0], ...y, y[last]];
    }
    copy.line.color = colour;
    copy.line.dash ??= inGroup ? dashes[Math.floor(group / colours.series.length) % dashes.length] : "dash";
    copy.marker.color = colour;
    copy.marker.symbol = symbols[inGroup ? group % symbols.length : 0];
    copy.marker.size ??= 7;
    if (trace.fill) {
      copy.fillcolor = colour + "2b";
      copy.line.width = 0;
    }
    return copy;
  };

  // 1, 2 and 5 of each of a few decades; of many, as many decades as have room.
  const logTicks = (values, most) => {
    const positive = values.filter((value) => value > 0).map(Math.log10);
    const decades = positive.reduce((a, b) => Math.max(a, b), -Infinity) - positive.reduce((a, b) => Math.min(a, b), Infinity);
    return decades > most ? Math.ceil(decades / (2 * most)) : "D2";
  };

  const draw = (chart) => {
    const element = document.getElementById(chart.id + "-chart");
    const colours = theme();
    const width = element.clientWidth;
    const isNarrow = width < 560;
    const height = isNarrow ? 320 : 380;
    const axis = (letter, given, letters, most) => ({
      ...given,
      title: { text: wrap(given.title.text, letters), standoff: 10, font: { size: isNarrow ? 12 : 13 } },
      color: colours.ink, gridcolor: colours.line, zerolinecolor: colours.line, linecolor: colours.line,
      automargin: true, ticks: "outside", ticklen: 4, tickcolor: colours.line, tickfont: { size: isNarrow ? 11 : 12 }, fixedrange: isNarrow,
      ...(given.type === "log" ? { dtick: logTicks(chart.plot.data.flatMap((trace) => trace[letter]), most) } : {}),
    });
    const layout = {
      ...chart.plot.layout,
      xaxis: axis("x", chart.plot.layout.xaxis, (width - 90) / 7, width / 220),
      yaxis: axis("y", chart.plot.layout.yaxis, (height - 90) / 7, isNarrow ? 3 : 4),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height, width, autosize: false,
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colours.ink },
      hoverlabel: { bgcolor: colours.card, bordercolor: colours.muted, font: { color: colours.ink, size: 13 }, align: "left", namelength: 40 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.muted, activecolor: colours.ink },
      margin: { l: 20, r: 12, t: 28, b: 20 }, dragmode: isNarrow ? false : "zoom",
    };
    const data = chart.plot.data.map((trace) => painted(trace, colours));
    return Plotly.react(element, data, layout, {
      ...chart.plot.config, displayModeBar: !isNarrow, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    });
  };
  const drawAll = async () => {
    for (const chart of charts) await draw(chart);
  };

  const boxes = [...document.querySelectorAll("#toggles input")];
  const readToggles = () => {
    shown.clear();
    boxes.forEach((box) => box.checked && shown.add(Number(box.dataset.group)));
  };
  const printing = (isPrinting) => {
    root.classList.toggle("printing", isPrinting);
    document.querySelectorAll("details").forEach((details) => {
      if (isPrinting) details.dataset.was = details.open ? "open" : "";
      details.open = isPrinting || details.dataset.was === "open";
    });
    // A printed page is about this wide; a chart keeps the width that it is drawn with.
    document.body.style.width = isPrinting ? "680px" : "";
    drawAll();
  };

  try {
    charts = JSON.parse(await unpack("charts"));
    const library = document.createElement("script");
    library.textContent = await unpack("library");
    document.head.append(library);
    readToggles();
    await drawAll();
    root.dataset.charts = "drawn";
  } catch (error) {
    document.getElementById("failure").hidden = false;
    document.querySelectorAll(".chart").forEach((chart) => { chart.hidden = true; });
    document.querySelectorAll("figure details").forEach((details) => { details.open = true; });
    console.error(error);
    return;
  }
  boxes.forEach((box) => box.addEventListener("change", () => { readToggles(); drawAll(); }));
  document.querySelectorAll("#toggles button").forEach((button) => button.addEventListener("click", () => {
    boxes.forEach((box) => { box.checked = button.dataset.all === "1"; });
    readToggles();
    drawAll();
  }));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width && !root.classList.contains("printing")) {
      width = innerWidth;
      drawAll();
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
})();
