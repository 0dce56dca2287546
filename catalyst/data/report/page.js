"use strict";
(() => {
  const root = document.documentElement;
  const find = (name) => document.getElementById(name);
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  let content = null;

  // Colours are names of the page's own: charts are drawn anew when light turns to dark.
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
    for (const name of ["xaxis", "yaxis", "xaxis2", "yaxis2"]) {
      if (out[name] || !name.endsWith("2")) out[name] = axis(out[name]);
    }
    return {
      margin: { l: 48, r: 12, t: 24, b: 36 }, dragmode: false, showlegend: true,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("@ink") },
      hoverlabel: { bgcolor: colour("@raised"), bordercolor: colour("@line"), font: { color: colour("@ink") } },
      ...out,
    };
  };
  const draw = (plot, chart) =>
    window.Plotly.react(plot, painted(chart.data), laid(chart.layout), config);

  const horizon = () => (find("horizon") ? Number(find("horizon").value) : 0);
  const drawFigure = (figure) => {
    const found = content.charts[figure.dataset.chart];
    if (found) draw(figure.querySelector(".plot"), Array.isArray(found) ? found[horizon()] : found);
    figure.dataset.drawn = "yes";
  };
  const drawAgain = () => {
    document.querySelectorAll("[data-drawn]").forEach(drawFigure);
    if (chosen) drawTrade();
  };

  // Trades.
  let chosen = null;
  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
  const wrapped = (text) => escaped(text).replace(/(.{1,60})(\s+|$)/g, "$1<br>");
  const tradeChart = (seen) => {
    const { bars, marks, news, levels } = seen;
    const count = bars.t.length;
    const places = bars.t.map((_, k) => k);
    const step = Math.max(1, Math.ceil(count / (window.innerWidth < 640 ? 4 : 8)));
    const ticks = places.filter((k) => k % step === 0);
    const high = Math.max(...bars.h);
    const point = (name, way, symbol, hue) => {
      const own = marks.filter((mark) => mark.way === way);
      return {
        type: "scatter", mode: "markers", name, x: own.map((m) => m.x), y: own.map((m) => m.y),
        text: own.map((m) => escaped(m.text)), hovertemplate: "%{text}<extra></extra>",
        marker: { symbol, size: 13, color: hue, line: { width: 1.5, color: "@ground" } },
      };
    };
    const article = (name, own, symbol, hue) => {
      const some = news.filter((item) => item.own === own);
      return {
        type: "scatter", mode: "markers", name, x: some.map((n) => n.x), y: some.map(() => high),
        text: some.map((n) => wrapped(n.headline) + "known " + n.known),
        hovertemplate: "%{text}<extra></extra>", marker: { symbol, size: 11, color: hue },
      };
    };
    const line = (name, label) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: levels[name], y1: levels[name],
      line: { color: "@quiet", width: 1, dash: "dot" },
      label: { text: label, textposition: "end", yanchor: "bottom", font: { size: 10, color: "@quiet-ink" } },
    });
    const known = Object.entries({ stop: "stop", target_1: "target 1", target_2: "target 2" })
      .filter(([name]) => Number.isFinite(levels[name]));
    return {
      data: [
        {
          type: "candlestick", name: seen.label + " bars", x: places, open: bars.o, high: bars.h, low: bars.l,
          close: bars.c, text: bars.t, whiskerwidth: 0,
          increasing: { line: { color: "@equal", width: 1 }, fillcolor: "@ground" },
          decreasing: { line: { color: "@equal", width: 1 }, fillcolor: "@equal" },
        },
        article("news of the signal", true, "star", "@held"),
        article("other news", false, "diamond-open", "@held"),
        point("entry", "in", "triangle-up", "@strategy"),
        point("exit", "out", "x", "@loss"),
      ].filter((trace) => trace.type === "candlestick" || trace.x.length),
      layout: {
        shapes: known.map(([name, label]) => line(name, label)),
        xaxis: {
          tickvals: ticks, ticktext: ticks.map((k) => bars.t[k].slice(5).replace(" ", "<br>")),
          rangeslider: { visible: false }, range: [-1.5, count], zeroline: false,
        },
        yaxis: { tickformat: ",.2f" },
        legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      },
    };
  };
  const drawTrade = () => {
    const seen = content.windows[chosen.dataset.trade];
    const plot = find("trade-plot");
    plot.hidden = !seen;
    if (seen) draw(plot, tradeChart(seen));
  };
  const openers = () => [...document.querySelectorAll(".trades tbody tr:not([hidden]) .open")];
  const stepped = (by) => {
    const every = openers();
    const next = every[every.indexOf(chosen) + by];
    if (next) openTrade(next);
  };
  const newsList = (seen) => {
    const place = find("trade-news").lastElementChild;
    place.replaceChildren();
    find("trade-news").hidden = !seen || !seen.news.length;
    if (!seen) return;
    find("trade-news").firstElementChild.textContent =
      seen.news.length === 1 ? "Its article" : `Its news: ${seen.news.length} articles${seen.news.length < 12 ? "" : ", those of the best sources; its story has all that counted"}`;
    const list = document.createElement("ol");
    for (const item of seen.news) {
      const row = document.createElement("li");
      const words = document.createElement("bdi");
      words.textContent = item.headline || "(without a headline)";
      const small = document.createElement("small");
      small.textContent = `${item.own ? "the signal rests on it; " : ""}known ${item.known}` +
        `${item.assumed ? " (assumed)" : ""}, published ${item.published}, ${item.source}, tier ${item.tier}`;
      row.append(words, small);
      list.append(row);
    }
    place.append(list);
  };
  const openTrade = (button, quiet) => {
    if (chosen) chosen.closest("tr").classList.remove("chosen");
    chosen = button;
    const row = button.closest("tr");
    row.classList.add("chosen");
    const cell = (k) => row.cells[k].textContent;
    const seen = content.windows[button.dataset.trade];
    find("trade-title").textContent = `${cell(1)} ${cell(2)}, ${cell(8)} USD`;
    find("trade-says").textContent =
      `${cell(3)} shares in at ${cell(4)} on ${cell(0)}, out at ${cell(5)} on ${cell(6)} by ${cell(7)}, New York ` +
      `time. Trade ${button.dataset.trade}.` +
      (seen ? ` Bars of ${seen.label}; articles known earlier stand at the left edge.` : " Its bars are not in this file: see which trades are drawn, above.");
    newsList(seen);
    // A story is our own escaped markup; the page's policy runs no script that it might hold.
    const story = content.stories[button.dataset.trade];
    find("trade-story").hidden = !story;
    find("trade-story").lastElementChild.innerHTML = story || "";
    drawTrade();
    const every = openers();
    find("trade-back").disabled = every[0] === button;
    find("trade-next").disabled = every[every.length - 1] === button;
    if (!quiet) {
      history.replaceState(null, "", "#trade-" + button.dataset.trade);
      find("trade-story").open = true;
      find("trade").scrollIntoView({ block: "start" });
    }
  };
  const sortable = (table) => {
    table.querySelectorAll("thead th").forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const number = (text) => Number(text.replace("\u2212", "-").replace(/[+$,]/g, ""));
        const value = (row) => row.cells[k].textContent;
        const rows = [...table.tBodies[0].rows];
        const figures = rows.every((row) => !Number.isNaN(number(value(row))));
        const order = (a, b) => (figures ? number(value(a)) - number(value(b)) : value(a).localeCompare(value(b)));
        rows.sort((a, b) => (down ? -order(a, b) : order(a, b)));
        table.tBodies[0].append(...rows);
      });
    });
  };
  const filtered = () => {
    const wanted = find("trade-filter").value.trim().toLowerCase();
    const rows = [...document.querySelectorAll(".trades tbody tr")];
    rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    find("trade-count").textContent =
      `${rows.filter((row) => !row.hidden).length.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")}`;
  };

  // Light and dark.
  const themed = (name) => {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    if (content) drawAgain();
  };
  const kept = (() => { try { return localStorage.getItem("catalyst-theme") || ""; } catch { return ""; } })();
  find("theme").value = kept;
  themed(find("theme").value);
  find("theme").addEventListener("change", (event) => {
    try { localStorage.setItem("catalyst-theme", event.target.value); } catch { /* a page of file:// may not keep it */ }
    themed(event.target.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (content) drawAgain(); });

  const choose = () => {
    document.querySelectorAll(".h").forEach((part) => {
      const hidden = !part.classList.contains("h" + horizon());
      (part.closest("th, td") || part).hidden = hidden;
    });
  };
  if (find("horizon")) {
    choose();
    find("horizon").addEventListener("change", () => { choose(); if (content) drawAgain(); });
  }

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
    // Paper is white.
    addEventListener("beforeprint", () => themed("light"));
    addEventListener("afterprint", () => themed(find("theme").value));
    const table = document.querySelector("table.sortable");
    if (table) {
      sortable(table);
      document.querySelectorAll("#trades .open").forEach((button) =>
        button.addEventListener("click", () => openTrade(button)));
      find("trade-back").addEventListener("click", () => stepped(-1));
      find("trade-next").addEventListener("click", () => stepped(1));
      find("trade-filter").addEventListener("input", filtered);
      filtered();
      const asked = () => document.querySelector(`#trades [data-trade="${CSS.escape(location.hash.slice(7))}"]`);
      const drawn = openers().filter((button) => content.windows[button.dataset.trade]);
      const gain = (button) => Math.abs(Number(button.closest("tr").cells[8].textContent.replace(/[^\d.]/g, "")));
      const most = drawn.reduce((best, one) => (gain(one) > gain(best) ? one : best), drawn[0] || openers()[0]);
      openTrade(asked() || most, !asked());
      addEventListener("hashchange", () => { if (asked()) openTrade(asked()); });
    }
    // One after the other, so that the page can be read meanwhile.
    for (const figure of document.querySelectorAll("[data-chart]")) {
      drawFigure(figure);
      await new Promise((resolve) => { setTimeout(resolve); });
    }
    root.dataset.ready = "yes";
  };
  begin().catch((error) => {
    const trouble = find("trouble");
    trouble.hidden = false;
    trouble.textContent = `The charts could not be drawn (${error.message}); they need a browser of 2023 or later. ` +
      "Every figure stands in a table.";
    root.dataset.ready = "failed";
  });
})();
