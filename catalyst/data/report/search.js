"use strict";
(() => {
  const root = document.documentElement;
  const find = (name) => document.getElementById(name);
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  let content = null;

  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name.slice(1)).trim();
  const painted = (value) => {
    if (typeof value === "string") return value.startsWith("@") ? colour(value) : value;
    if (Array.isArray(value)) return value.map(painted);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, painted(part)]));
  };
  const axis = (given) => ({
    automargin: true, fixedrange: true, gridcolor: colour("@grid"), linecolor: colour("@line"),
    zerolinecolor: colour("@quiet"), tickfont: { color: colour("@quiet-ink") }, ...given,
  });
  const laid = (layout) => {
    const out = painted(layout);
    out.xaxis = axis(out.xaxis);
    out.yaxis = axis(out.yaxis);
    return {
      margin: { l: 56, r: 12, t: 16, b: 44 }, dragmode: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("@ink") },
      hoverlabel: { bgcolor: colour("@raised"), bordercolor: colour("@line"), font: { color: colour("@ink") } },
      ...out,
    };
  };
  const draw = (plot, chart) => window.Plotly.react(plot, painted(chart.data), laid(chart.layout), config);

  // The heatmap: every trial falls into one cell of the two parameters that are chosen.
  const folds = {
    mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
    median: (values) => {
      const sorted = [...values].sort((a, b) => a - b);
      const half = (sorted.length - 1) / 2;
      return (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
    },
    best: (values, less) => (less ? Math.min(...values) : Math.max(...values)),
    worst: (values, less) => (less ? Math.max(...values) : Math.min(...values)),
  };
  const shown = (value, figure) => {
    if (value === null) return "";
    const scaled = figure.percent ? value * 100 : value;
    const digits = Math.abs(scaled) >= 1000 ? 0 : figure.percent ? 1 : 2;
    return scaled.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
      .replace("-", "\u2212") + (figure.percent ? "\u202f%" : "");
  };
  const cells = () => {
    const { axes, trials, figures } = content.heat;
    const [across, up] = [Number(find("across").value), Number(find("up").value)];
    const figure = figures[Number(find("figure").value)];
    const fold = folds[find("fold").value];
    const held = axes[up].labels.map(() => axes[across].labels.map(() => []));
    const counts = axes[up].labels.map(() => axes[across].labels.map(() => 0));
    trials.forEach((places, k) => {
      counts[places[up]][places[across]] += 1;
      const value = figure.values[k];
      if (value !== null) held[places[up]][places[across]].push(value);
    });
    const z = held.map((row) => row.map((values) => (values.length ? fold(values, figure.less) : null)));
    return { across: axes[across], up: axes[up], figure, z, counts, same: across === up };
  };
  const drawHeat = () => {
    const { across, up, figure, z, counts, same } = cells();
    const all = z.flat().filter((value) => value !== null);
    const room = window.innerWidth / Math.max(across.labels.length, 1) > 70;
    const most = Math.max(...all.map(Math.abs), 1e-12);
    const signs = !figure.less && all.some((value) => value < 0);
    const low = signs ? -most : Math.min(...all);
    const high = signs ? most : Math.max(...all);
    const scale = signs
      ? [[0, "@loss"], [0.5, "@ground"], [1, "@gain"]]
      : figure.less ? [[0, "@ground"], [1, "@loss"]] : [[0, "@ground"], [1, "@gain"]];
    const word = find("fold").selectedOptions[0].textContent;
    find("heat-title").textContent =
      `${word} ${figure.label} of ${content.heat.said}: ` +
      (same ? `by ${across.name}` : `by ${up.name} and ${across.name}`);
    const text = z.map((row, i) => row.map((value, j) => shown(value, figure) +
      (counts[i][j] > 1 ? ` (${counts[i][j]} trials)` : "")));
    draw(document.querySelector("#heat .plot"), {
      data: [{
        type: "heatmap", x: across.labels, y: up.labels, z, zmin: low, zmax: high, colorscale: scale,
        text, texttemplate: room ? "%{text}" : "", xgap: 2, ygap: 2, hoverongaps: false,
        customdata: counts, colorbar: { thickness: 12, outlinewidth: 0 },
        hovertemplate: `${across.name} %{x}<br>${up.name} %{y}<br>%{text}<br>%{customdata} trials<extra></extra>`,
      }],
      layout: {
        xaxis: { type: "category", title: { text: across.name } },
        yaxis: { type: "category", title: { text: up.name } },
      },
    });
    const plain = (value, i, j) => (counts[i][j] ? `${shown(value, figure) || "no figure"} (${counts[i][j]})` : "");
    find("heat-table").replaceChildren(...z.map((row, i) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = up.labels[i];
      line.append(head, ...row.map((value, j) => {
        const cell = document.createElement("td");
        cell.textContent = plain(value, i, j);
        return cell;
      }));
      return line;
    }).reverse());
    const heads = [`${up.name} \\ ${across.name}`, ...across.labels].map((label) => {
      const head = document.createElement("th");
      head.scope = "col";
      head.textContent = label;
      return head;
    });
    find("heat-head").replaceChildren(...heads);
  };

  const drawAll = () => {
    document.querySelectorAll("[data-chart]").forEach((figure) =>
      draw(figure.querySelector(".plot"), content.charts[figure.dataset.chart]));
    if (content.heat) drawHeat();
  };
  const themed = (name) => {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    if (content) drawAll();
  };
  const kept = (() => { try { return localStorage.getItem("catalyst-theme") || ""; } catch { return ""; } })();
  find("theme").value = kept;
  themed(kept);
  find("theme").addEventListener("change", (event) => {
    try { localStorage.setItem("catalyst-theme", event.target.value); } catch { /* a page of file:// may not keep it */ }
    themed(event.target.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (content) drawAll(); });

  const unpacked = async (name) => {
    const letters = atob(find(name).textContent);
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const begin = async () => {
    content = JSON.parse(await unpacked("packed-data"));
    const script = document.createElement("script");
    script.textContent = await unpacked("packed-plotly");
    document.head.append(script);
    if (!window.Plotly) throw new Error("the script of the charts did not start");
    for (const name of ["across", "up", "figure", "fold"]) {
      if (find(name)) find(name).addEventListener("change", drawHeat);
    }
    drawAll();
    root.dataset.ready = "yes";
  };
  begin().catch((error) => {
    const trouble = find("trouble");
    trouble.hidden = false;
    trouble.textContent = `The charts could not be drawn (${error.message}); they need a browser of 2023 or later. ` +
      "The figures stand in tables.";
    root.dataset.ready = "failed";
  });
})();
