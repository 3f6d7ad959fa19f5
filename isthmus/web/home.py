"""The first page: what this is, who may answer where, and three things to try. The phone app will stand here."""

from __future__ import annotations

from html import escape

from isthmus.core.decision import Question
from isthmus.policy.compile import Table

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Isthmus</title><style>
:root{{color-scheme:light dark;--paper:#FBFBFA;--surface:#FFFFFF;--ink:#17181A;--ink2:#53575D;
--line:#E4E4E1;--edge:#85898F}}
@media (prefers-color-scheme:dark){{:root{{--paper:#111214;
--surface:#1A1B1E;--ink:#F1F2F3;--ink2:#B3B8BF;--line:#2D3035;--edge:#737982}}}}
*{{box-sizing:border-box}}body{{margin:0;background:var(--paper);color:var(--ink);line-height:1.6;
font-family:-apple-system,"Segoe UI",Roboto,Inter,"PingFang SC","Noto Sans SC","Noto Sans CJK SC",system-ui,sans-serif;
font-size:1.0625rem}}main{{max-width:760px;margin:0 auto;padding:32px 20px}}h1{{font-size:1.75rem;font-weight:600;
margin:0 0 4px}}h2{{font-size:1.375rem;font-weight:600;margin:32px 0 8px}}p{{margin:8px 0;color:var(--ink2)}}
pre{{background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:16px;overflow-x:auto;
font-size:.8125rem}}table{{border-collapse:collapse;width:100%;font-size:.9375rem}}th,td{{text-align:start;
padding:8px 12px 8px 0;border-bottom:1px solid var(--line);vertical-align:top}}th{{font-weight:500;color:var(--ink2)}}
.badge{{display:inline-block;padding:0 8px;border-radius:99px;border:1.5px dashed var(--edge);color:var(--ink2);
font-size:.8125rem}}.here{{border-style:solid}}</style>
<main><h1>Isthmus</h1><p>One intelligence layer for every device and every jurisdiction. This server is running.</p>
<h2>Who may answer, where</h2><p>For a conversation with personal data; the law's files are drafts until a lawyer signs
them.</p><table><tr><th>Region<th>May answer, in order<th>May not</tr>{rows}</table>
<h2>Try it</h2><pre>curl {base}/v1/chat/completions -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model":"auto","messages":[{{"role":"user","content":"用一句话总结：会议改到周一上午九点。"}}]}}'</pre>
<pre>isthmus ask "用一句话总结：会议改到周一上午九点。" --region CN</pre>
<pre>isthmus explain --region CN --feature assistant --age 13 --route partner</pre></main></html>
"""


def home_page(table: Table) -> str:
    """The page as HTML. Every value that comes from a file is escaped."""
    return _PAGE.format(rows="".join(_row(table, region) for region in sorted(table.regions)), base="http://localhost")


def _row(table: Table, region: str) -> str:
    decision = table.decide(Question((region,)))
    partners = dict.fromkeys((plan.route.badge, plan.route.rehearsal) for plan in decision.plans)
    may = " ".join(f'<span class="badge{"" if stand_in else " here"}">{escape(b)}</span>' for b, stand_in in partners)
    out = dict.fromkeys(out.route.partition("/")[0] for out in decision.ruled_out)
    return f"<tr><td>{escape(region)}<td>{may or '-'}<td>{escape(', '.join(out)) or '-'}</tr>"
