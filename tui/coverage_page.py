"""The coverage page: one file of HTML without network, readable in light and dark, and without script too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tui.rules import TITLES, chapters
from virtio.sanitizer.coverage import ABSENT, MISSED, OBEYED, OFF, VIOLATED, Report
from virtio.sanitizer.reached import reached_by
from virtio.sanitizer.table import Rule, rules

STATES = {
    VIOLATED: ("✗", "violated", "broken in a run"),
    OBEYED: ("✓", "obeyed", "put to the test and obeyed"),
    MISSED: ("○", "never reached", "nothing put it to the test"),
    OFF: ("◌", "not asked for", "--advice or --pedantic would"),
    ABSENT: ("·", "not judged", "there is no code for it"),
}
"""A state's mark, its name, and what it means."""
STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1c2024; --soft: #5a636b; --line: #d9dee2; --sheet: #f5f7f8;
  --violated: #b3261e; --obeyed: #1b6e3c; --missed: #8a5200; --off: #5a636b; --absent: #a4adb4; --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --page: #14181b; --ink: #e4e8eb; --soft: #9aa5ad; --line: #333b41;
  --sheet: #1d2327; --violated: #ff8a80; --obeyed: #7fd49b; --missed: #f0b45c; --off: #9aa5ad; --absent: #59646c;
  --link: #8ec1f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 70rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { display: inline; font-size: 1.1rem; margin: 0; }
p { margin: .25rem 0; } .soft { color: var(--soft); }
code { font: .9em ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; overflow-wrap: anywhere; }
.bar { display: flex; height: .6rem; margin: .6rem 0; border-radius: .3rem; overflow: hidden; background: var(--line); }
.bar i { display: block; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0; list-style: none; }
.key b { display: inline-block; min-width: 1.2em; text-align: center; }
.filter { display: none; position: sticky; top: 0; gap: .4rem 1rem; flex-wrap: wrap; align-items: center;
  padding: .6rem 0; background: var(--page); border-bottom: 1px solid var(--line); z-index: 1; }
.script .filter { display: flex; }
.filter input[type=search] { flex: 1 1 14rem; padding: .35rem .6rem; font: inherit; color: inherit;
  background: var(--sheet); border: 1px solid var(--line); border-radius: .35rem; }
details { margin: 1rem 0; border: 1px solid var(--line); border-radius: .5rem; overflow: clip; }
summary { padding: .6rem .9rem; cursor: pointer; background: var(--sheet); }
summary .soft { margin-left: .6rem; } summary .bar { margin: .5rem 0 .1rem; height: .4rem; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem; }
th, td { padding: .5rem .9rem; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th:nth-child(1) { width: 9.5rem; } th:nth-child(2) { width: 17rem; }
td p { margin: 0 0 .15rem; } .state { font-weight: 600; white-space: nowrap; }
.violated { color: var(--violated); } .obeyed { color: var(--obeyed); } .missed { color: var(--missed); }
.off { color: var(--off); } .absent { color: var(--soft); }
tr.hidden, details.hidden { display: none; } #none { display: none; }
@media (max-width: 46rem) { thead { display: none; } tr, td { display: block; border: 0; padding: .15rem .9rem; }
  tr { padding: .6rem 0; border-top: 1px solid var(--line); } }
@media print { .filter { display: none !important; } }
"""
SCRIPT = """
document.documentElement.classList.add("script");
const boxes = [...document.querySelectorAll(".filter input[type=checkbox]")];
const search = document.querySelector(".filter input[type=search]");
function apply() {
  const states = new Set(boxes.filter(box => box.checked).map(box => box.value));
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const chapter of document.querySelectorAll("details")) {
    let here = 0;
    for (const row of chapter.querySelectorAll("tbody tr")) {
      const text = row.textContent.toLowerCase();
      const fits = states.has(row.dataset.state) && words.every(word => text.includes(word));
      row.classList.toggle("hidden", !fits);
      here += fits;
    }
    chapter.classList.toggle("hidden", !here);
    if (words.length && here) chapter.open = true;
    shown += here;
  }
  document.getElementById("none").style.display = shown ? "none" : "block";
}
boxes.forEach(box => box.addEventListener("change", apply));
search.addEventListener("input", apply);
apply();
"""
MOST_RUNS = 12


def page(report: Report, data: str) -> str:
    """The whole page; `data` is the JSON it carries, without a `<`."""
    return "\n".join(_lines(report, data)) + "\n"


def _lines(report: Report, data: str) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>virtscope coverage</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    counts = _counts(report, list(rules().values()))
    judged = sum(counts.values()) - counts[ABSENT]
    reached = counts[VIOLATED] + counts[OBEYED]
    yield f"<h1>{reached} of {judged} rules for drivers were put to the test</h1>"
    yield f'<p class="soft">{len(rules())} rules in all. {_runs(report.runs)}</p>'
    yield _bar({state: n for state, n in counts.items() if state != ABSENT})
    items = [_key(state, counts[state]) for state in STATES]
    yield f'<ul class="key">{"".join(items)}</ul>'
    yield _filter()
    for name, these in chapters().items():
        yield from _chapter(report, TITLES[name], these)
    yield '<p id="none" class="soft">No rule fits the filter.</p>'
    yield f'<script type="application/json" id="coverage">{data}</script>'
    yield f"<script>{SCRIPT}</script>\n</body>\n</html>"


def _runs(runs: Sequence[str]) -> str:
    named = ", ".join(f"<code>{escape(run)}</code>" for run in runs[:MOST_RUNS])
    more = f" and {len(runs) - MOST_RUNS} more" if len(runs) > MOST_RUNS else ""
    return f"{len(runs)} run{'s' * (len(runs) != 1)}: {named}{more}." if runs else "No runs."


def _counts(report: Report, these: list[Rule]) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for rule in these:
        counts[report.state(rule)] += 1
    return counts


def _bar(counts: dict[str, int]) -> str:
    parts = [f'<i style="flex:{n};background:var(--{state})"></i>' for state, n in counts.items() if n]
    return f'<div class="bar" aria-hidden="true">{"".join(parts)}</div>'


def _key(state: str, count: int) -> str:
    mark, name, meaning = STATES[state]
    return f'<li><span class="{state}"><b>{mark}</b> {count} {name}:</span> <span class="soft">{meaning}</span></li>'


def _filter() -> str:
    boxes = [
        f'<label class="{state}"><input type="checkbox" value="{state}" checked> {name}</label>'
        for state, (_, name, _) in STATES.items()
    ]
    search = '<input type="search" placeholder="Filter: a rule, a register, a section" aria-label="Filter by text">'
    return f'<div class="filter">{"".join(boxes)}{search}</div>'


def _chapter(report: Report, title: str, these: list[Rule]) -> Iterator[str]:
    counts = _counts(report, these)
    told = ", ".join(f"{n} {STATES[state][1]}" for state, n in counts.items() if n)
    opened = " open" if counts[ABSENT] < len(these) else ""
    yield f'<details{opened}><summary><h2>{escape(title)}</h2><span class="soft">{told}</span>{_bar(counts)}</summary>'
    yield "<table><thead><tr><th>state</th><th>rule</th><th>what it says</th></tr></thead><tbody>"
    for rule in these:
        yield _row(report, rule)
    yield "</tbody></table></details>"


def _row(report: Report, rule: Rule) -> str:
    state = report.state(rule)
    mark, name, _ = STATES[state]
    times = _times(*report.counts.get(rule.id, (0, 0)))
    level = f"{rule.level} · {rule.section}" if rule.section else rule.level
    return (
        f'<tr data-state="{state}"><td class="{state}"><span class="state">{mark} {name}</span>'
        f'<p class="soft">{times}</p></td><td><code>{rule.id}</code><p class="soft">{escape(level)}</p></td>'
        f"<td><p>{escape(rule.text)}</p>{_more(rule, state)}</td></tr>"
    )


def _times(asked: int, violated: int) -> str:
    if violated:
        return f"{violated:,} of {asked:,} times"
    return f"{asked:,} time{'s' * (asked != 1)}" if asked else ""


def _more(rule: Rule, state: str) -> str:
    """What to do about it: the hint, what would reach it, or why nobody judges it."""
    if state == VIOLATED:
        return f'<p class="violated">{escape(rule.hint)}</p>'
    if state in (MISSED, OFF):
        return f'<p class="{state}">To reach it: {escape(reached_by(rule))}</p>'
    return f'<p class="soft">{escape(rule.why)}</p>' if state == ABSENT else ""
