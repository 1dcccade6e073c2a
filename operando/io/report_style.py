"""How the report looks: light and dark, on a phone and on A4; nothing is fetched from anywhere."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --sheet: #f5f6f8; --ink: #1f2328; --muted: #5b6470;
  --rule: #dfe3e8; --accent: #0072b2; --warn: #9a5b00; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #1b2027; --sheet: #12161b; --ink: #d5dbe3;
  --muted: #98a3b0; --rule: #333b45; --accent: #56b4e9; --warn: #e69f00; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--sheet); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 36px 0 10px; padding-bottom: 4px; border-bottom: 1px solid var(--rule); }
p { margin: 6px 0; max-width: 88ch; overflow-wrap: anywhere; }
p.muted { max-width: none; }
.muted, figcaption, dt, th { color: var(--muted); }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px;
  margin: 20px 0 0; }
.headline div { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px;
  padding: 10px 14px; }
.headline dt { font-size: 0.82rem; }
.headline dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.headline .first { grid-column: span 2; }
.headline .first dd { font-size: 1.9rem; line-height: 1.2; font-weight: 600; }
.mind { border-left: 4px solid var(--warn); background: var(--paper); margin: 18px 0 0; padding: 8px 14px;
  list-style: none; }
.plates { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 14px; }
figure { margin: 0; background: var(--paper); border: 1px solid var(--rule); border-radius: 8px;
  padding: 10px 12px; break-inside: avoid; }
figcaption { font-size: 0.88rem; }
.plates img, .wide img { display: block; width: 100%; height: auto; }
.wide { max-width: 820px; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 10px; }
.strip figure { padding: 6px; }
.strip img { display: block; width: 100%; image-rendering: pixelated; }
.strip figcaption { font-size: 0.78rem; line-height: 1.35; margin-top: 4px; }
.scroll { overflow-x: auto; margin-top: 8px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.93rem; }
th { text-align: left; font-weight: 500; vertical-align: bottom; white-space: nowrap; }
th, td { padding: 4px 18px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: anywhere; }
td:first-child { overflow-wrap: normal; }
.number { text-align: right; white-space: nowrap; }
.settings th { white-space: nowrap; vertical-align: top; }
pre { background: var(--paper); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 14px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.88rem; }
.curve { width: 100%; height: auto; display: block; }
.curve text { fill: var(--muted); font-size: 12px; }
.curve .grid { stroke: var(--rule); } .curve .axis { stroke: var(--muted); }
.curve .line { stroke: var(--accent); stroke-width: 1.6; fill: none; }
.curve .band { fill: var(--accent); opacity: 0.2; } .curve .dot { fill: var(--accent); }
footer { margin-top: 36px; font-size: 0.82rem; color: var(--muted); }
@media (max-width: 480px) { main { padding: 18px 12px 32px; } .plates { grid-template-columns: 1fr; }
  .strip { grid-template-columns: repeat(3, 1fr); } th, td { padding-right: 12px; } }
@page { size: A4; margin: 14mm; }
@media print { body { background: none; font-size: 10pt; } main { max-width: none; padding: 0; }
  .plates { grid-template-columns: repeat(2, 1fr); } .strip { grid-template-columns: repeat(6, 1fr); }
  .headline { grid-template-columns: repeat(4, 1fr); } h2 { break-after: avoid; margin-top: 20px; }
  tr, .headline, pre { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
