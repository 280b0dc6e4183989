"""How a report looks: the suite's paper and pine by day, slate and mint by night, and ink on paper when printed."""

from __future__ import annotations

CSS = """
:root { color-scheme: light dark; --mm-page: #faf8f4; --mm-accent: #22957a; --mm-warm: #e0a458; --mm-line: #e7e1d6;
  --mm-soft: #f3efe8; --mm-dim: #6f685d; --mm-ink: #2d2b28; --mm-card: #fff; --mm-red: #b3401c; --mm-tint: #eefaf6; }
@media screen and (prefers-color-scheme: dark) { :root { --mm-page: #111416; --mm-accent: #43b193; --mm-warm: #d9a25c;
  --mm-line: #2c3336; --mm-soft: #202528; --mm-dim: #98a09d; --mm-ink: #e6e8e6; --mm-card: #191d1f; --mm-red: #f0936f;
  --mm-tint: #16302a; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--mm-page); color: var(--mm-ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 44px 24px 60px; }
header { margin-bottom: 26px; }
.eyebrow { margin: 0 0 10px; font-size: 12px; font-weight: 600; letter-spacing: .07em; text-transform: uppercase;
  color: var(--mm-accent); }
h1, h2, .figure b { font-family: ui-serif, Georgia, "Times New Roman", serif; font-weight: 600; letter-spacing: -.01em; }
h1 { margin: 0 0 12px; font-size: clamp(27px, 4.4vw, 40px); line-height: 1.15; max-width: 24ch; text-wrap: balance; }
h2 { margin: 46px 0 14px; font-size: 24px; line-height: 1.25; }
h3 { margin: 0 0 12px; font-size: 12px; font-weight: 600; letter-spacing: .05em; text-transform: uppercase;
  color: var(--mm-dim); }
p { margin: 0 0 12px; max-width: 72ch; overflow-wrap: anywhere; }
.lead { font-size: 17px; }
.quiet, small { color: var(--mm-dim); font-size: 13.5px; }
.quiet { max-width: 100ch; }
.card { min-width: 0; padding: 20px 22px; border: 1px solid var(--mm-line); border-radius: 14px; background: var(--mm-card); }
.card > :last-child { margin-bottom: 0; }
.stack { display: grid; gap: 16px; }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; align-items: start; }
.two > .wide { grid-column: 1 / -1; }
.figures { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px; }
.figure { display: grid; align-content: start; gap: 3px; padding: 14px 16px;
  border: 1px solid var(--mm-line); border-radius: 14px; background: var(--mm-card); }
.figure b { font-size: 28px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.figure span { font-size: 13px; color: var(--mm-dim); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { padding: 4px 12px 7px 0; text-align: left; font-size: 12px; font-weight: 600; color: var(--mm-dim); white-space: nowrap;
  vertical-align: bottom; }
td { padding: 7px 12px 7px 0; border-top: 1px solid var(--mm-line); vertical-align: baseline; overflow-wrap: anywhere; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr > :last-child { padding-right: 0; }
tr.best td { font-weight: 650; }
tr.best td:first-child { color: var(--mm-accent); }
tr.guess td { color: var(--mm-dim); }
td.name { min-width: 8em; }
tbody:first-child tr:first-child td { border-top: 0; }
.track { display: block; min-width: 90px; height: 7px; border-radius: 5px; background: var(--mm-soft); }
.track i { display: block; height: 100%; border-radius: 5px; background: var(--mm-accent); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 5px 18px; margin: 0; font-size: 14px; }
dt { color: var(--mm-dim); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.notes { display: grid; gap: 8px; margin: 0; padding: 0; list-style: none; font-size: 14px; }
.notes li { padding: 9px 13px; border-radius: 11px; background: color-mix(in srgb, var(--mm-warm) 16%, transparent);
  overflow-wrap: anywhere; }
.notes li.fine { background: var(--mm-tint); }
.notes small { display: block; }
.errors { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 14px; }
.error { display: flex; flex-direction: column; gap: 10px; min-width: 0; padding: 15px 16px; border: 1px solid var(--mm-line);
  border-radius: 14px; background: var(--mm-card); break-inside: avoid; }
.error .what { display: flex; gap: 14px; align-items: flex-start; min-width: 0; }
.error img { flex: none; width: 104px; height: 104px; object-fit: cover; border-radius: 10px; background: var(--mm-soft); }
.error p { margin: 0; }
.error .verdict { min-width: 0; line-height: 1.4; }
.error .verdict b { display: block; font-size: 16px; overflow-wrap: anywhere; }
.error .said { color: var(--mm-red); }
.error blockquote { margin: 0; padding-left: 11px; border-left: 3px solid var(--mm-line); font-size: 13.5px;
  overflow-wrap: anywhere; }
.error audio { width: 100%; height: 36px; }
.error .looks { margin-top: auto; padding-top: 4px; }
footer { margin-top: 46px; padding-top: 16px; border-top: 1px solid var(--mm-line); color: var(--mm-dim); font-size: 13px; }
code { font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
@media (max-width: 760px) { main { padding: 26px 16px 44px; } .two { grid-template-columns: minmax(0, 1fr); }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); } h2 { margin-top: 36px; } td.name { min-width: 6em; }
  th, td { padding-right: 9px; } .card { padding: 16px; }
  dl { grid-template-columns: fit-content(45%) minmax(0, 1fr); } }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } .card, .figure { break-inside: avoid; }
  audio { display: none; } }
"""
