//! What is asked of a page, in its own language. Every function's body returns plain values.

/// Whether the charts are drawn.
pub(super) const IS_DRAWN: &str = "return document.documentElement.dataset.charts === 'drawn';";

/// One object a chart: its id, how many marks it shows, and what of it is missing or cut.
pub(super) const CHARTS: &str = r"
return [...document.querySelectorAll('.chart')].map((chart) => {
  const faults = [];
  const marks = [...chart.querySelectorAll('.scatterlayer path.js-line, .scatterlayer path.js-fill, .scatterlayer path.point, .barlayer path')]
    .filter((path) => (path.getAttribute('d') || '').length > 3).length;
  for (const title of ['.xtitle', '.ytitle']) if (!chart.querySelector(title)?.textContent.trim()) faults.push('no ' + title);
  if (chart.getAttribute('role') !== 'img' || (chart.getAttribute('aria-label') || '').length < 20) faults.push('no text alternative');
  const around = chart.getBoundingClientRect();
  for (const text of chart.querySelectorAll('.main-svg text')) {
    const box = text.getBoundingClientRect();
    const isCut = box.left < around.left - 1 || box.right > around.right + 1 || box.top < around.top - 1 || box.bottom > around.bottom + 1;
    if (box.width > 0 && isCut) faults.push('cut: ' + text.textContent);
  }
  // Boxes around slanted labels overlap where the labels do not.
  const level = (text) => !/rotate\(-?[1-9]/.test(text.getAttribute('transform') || '');
  const ticks = [...chart.querySelectorAll('.xtick text, .ytick text')].filter(level).map((text) => [text, text.getBoundingClientRect()]);
  ticks.forEach(([a, one], index) => ticks.slice(index + 1).forEach(([b, two]) => {
    const apart = one.right <= two.left + 1 || two.right <= one.left + 1 || one.bottom <= two.top + 2 || two.bottom <= one.top + 2;
    if (!apart) faults.push('overlap: ' + a.textContent + ' and ' + b.textContent);
  }));
  return { id: chart.id, marks, faults };
});";

/// How many curves and bars of groups are shown in all charts.
pub(super) const SHOWN: &str = r"
return [...document.querySelectorAll('.chart')].reduce((sum, chart) =>
  sum + chart._fullData.filter((trace) => trace.legendgroup !== '' && trace.visible === true).length, 0);";

/// Scrolls to an element; the middle of it in the window.
pub(super) const MIDDLE: &str = r"
const element = document.querySelector(arguments[0]);
element.scrollIntoView({ block: 'center' });
const box = element.getBoundingClientRect();
return [box.left + box.width / 2, box.top + box.height / 2];";

/// Scrolls to a chart; a place in the window where a mark of it is.
pub(super) const MARK: &str = r"
const chart = document.getElementById(arguments[0]);
chart.scrollIntoView({ block: 'center' });
const box = chart.getBoundingClientRect();
const { xaxis, yaxis } = chart._fullLayout;
const inside = (place, axis) => place > 2 && place < axis._length - 2;
for (const trace of [...chart._fullData].reverse()) {
  if (trace.visible !== true || trace.hoverinfo === 'skip') continue;
  if (trace.type === 'bar') {
    const bar = chart.querySelector('.barlayer path').getBoundingClientRect();
    // On a logarithmic axis a bar goes down for ever.
    return [bar.left + bar.width / 2, bar.top + Math.min(bar.height / 2, 4)];
  }
  const order = [...trace.x.keys()].sort((a, b) => Math.abs(a - trace.x.length / 2) - Math.abs(b - trace.x.length / 2));
  for (const index of order) {
    const [x, y] = [xaxis.d2p(trace.x[index]), yaxis.d2p(trace.y[index])];
    if (trace.y[index] !== null && inside(x, xaxis) && inside(y, yaxis))
      return [box.left + xaxis._offset + x, box.top + yaxis._offset + y];
  }
}
return null;";

/// What a chart says beside the pointer.
pub(super) const HOVERED: &str = r"
return [...document.getElementById(arguments[0]).querySelectorAll('.hoverlayer .hovertext')].map((text) => text.textContent).join(' ');";

/// Texts whose contrast with what is behind them is below 4.5, and whether anything sticks out of the page to the right.
pub(super) const LEGIBILITY: &str = r"
const parts = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
const luminance = ([r, g, b]) => {
  const linear = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05;
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour.length >= 3 && (colour.length < 4 || colour[3] > 0.99)) return colour;
  }
  return [255, 255, 255];
};
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || element.closest('script, noscript, [hidden], .modebar')) continue;
  const style = getComputedStyle(element);
  if (style.visibility === 'hidden' || element.getClientRects().length === 0) continue;
  const isDrawn = element instanceof SVGElement;
  const colour = parts(isDrawn ? style.fill : style.color);
  const [one, two] = [luminance(colour), luminance(behind(element))];
  const contrast = Math.max(one, two) / Math.min(one, two);
  if (contrast < 4.5) faint.push(contrast.toFixed(2) + ' ' + element.textContent.trim().slice(0, 40));
}
return { faint: [...new Set(faint)], width: document.documentElement.scrollWidth, window: innerWidth };";
