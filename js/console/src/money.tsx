// Money: will a budget run out, and whose?

import { useState } from "preact/hooks";
import { call, Failed, usePoll } from "./api";
import { Bar } from "./charts";
import { Banner, Card, Choice, Field, Icon, Pictured, Shown, Table, some, when, whole } from "./parts";
import { FIRST, pairs, roleOf, type View } from "./view";

type BudgetSeen = { budget: { id: string; scope: string; target: string; unit: string; span: string; most: number; currency: string }; words: string; used: number; taken: number; ends: number; ends_at: number };
type Tenant = { tenant: string; organisation: string; answers: number; tokens_in: number; tokens_out: number; cost: number; top_model: string };
type Money = { since: number; budgets: BudgetSeen[]; tenants: Tenant[]; priced: string; skipped: number };

export function MoneyPage({ may, person }: View) {
  const polled = usePoll<Money>("/money", 5);
  const [draft, setDraft] = useState({ target: "", most: "1000", unit: "requests", span: "day" });
  const [failure, setFailure] = useState("");
  const save = async (event: Event) => {
    event.preventDefault();
    const money = draft.unit === "money";
    try {
      await call("POST", "/budgets", { scope: "tenant", target: draft.target, unit: draft.unit, most: Number(draft.most) * (money ? 1e6 : 1), span: draft.span, ...(money ? { currency: "USD" } : {}) });
      setFailure("");
      polled.again();
    } catch (error) {
      if (error instanceof Failed) setFailure(error.message);
    }
  };
  return (
    <Shown polled={polled}>
      {(money) => {
        const tight = money.budgets.filter((each) => each.ends_at).toSorted((a, b) => a.ends_at - b.ends_at)[0];
        const top = Math.max(1, ...money.tenants.map((each) => each.answers));
        return (
          <>
            <p class="verdict">
              <Icon name={tight || !money.budgets.length ? "warn" : "check"} size={20} />
              <span>{tight ? <em>The budget of {tight.words} ends about {when(tight.ends_at)} UTC at this rate.</em> : money.budgets.length ? "No budget ends in its window at this rate." : <em>No budget is set: nothing but quotas stops a tenant.</em>}</span>
            </p>
            <div class="grid two">
              <Pictured
                title="Budgets"
                note="used of the present window; the tick is the limit"
                picture={
                  money.budgets.length ? (
                    <ul class="bars">
                      {money.budgets.map((each) => (
                        <li key={each.budget.id}>
                          <span>{each.words}</span>
                          <Bar value={Math.min(each.taken, each.budget.most)} top={each.budget.most} label={`${each.taken} of ${each.budget.most}`} />
                          <span class="right">{some((100 * each.taken) / each.budget.most, 1)} %</span>
                        </li>
                      ))}
                    </ul>
                  ) : (
                    <p class="empty">No budget yet. Set one below.</p>
                  )
                }
                table={
                  <Table
                    label="Budgets"
                    rows={money.budgets}
                    empty="No budget yet."
                    columns={[
                      { name: "Budget", show: (each) => each.words },
                      { name: "Used", right: true, show: (each) => whole(each.used) },
                      { name: "With leases", right: true, show: (each) => whole(each.taken) },
                      { name: "Left", right: true, show: (each) => whole(each.budget.most - each.taken) },
                      { name: "Ends about", show: (each) => (each.ends_at ? when(each.ends_at) : "not in this window") },
                      { name: "Act", show: (each) => (may("money.change") ? <button type="button" class="link" onClick={() => call("DELETE", `/budgets/${each.budget.id}`).then(polled.again)}>Lift</button> : null) },
                    ]}
                  />
                }
              />
              <Card title="Tenants" note={`since ${when(money.since)} UTC; ${money.priced}`}>
                <Table
                  label="Tenants"
                  rows={money.tenants}
                  empty={FIRST}
                  columns={[
                    { name: "Tenant", show: (each) => each.tenant },
                    { name: "Answers", right: true, show: (each) => whole(each.answers) },
                    { name: "Of the largest", show: (each) => <Bar value={each.answers} top={top} label={`${each.answers} of ${top}`} /> },
                    { name: "Tokens", right: true, show: (each) => whole(each.tokens_in + each.tokens_out) },
                    { name: "Spent $", right: true, show: (each) => some(each.cost, 4) },
                    { name: "Top model", show: (each) => each.top_model },
                  ]}
                />
              </Card>
            </div>
            {may("money.change") ? (
              <form class="form" onSubmit={save}>
                <Field label="Tenant">
                  <input value={draft.target} required onInput={(event) => setDraft({ ...draft, target: event.currentTarget.value })} />
                </Field>
                <Field label="At most">
                  <input type="number" min={1} value={draft.most} onInput={(event) => setDraft({ ...draft, most: event.currentTarget.value })} />
                </Field>
                <Choice label="Of" value={draft.unit} options={[["requests", "requests"], ["tokens", "tokens"], ["money", "US dollars"]]} choose={(unit) => setDraft({ ...draft, unit })} />
                <Choice label="A" value={draft.span} options={pairs(["minute", "day", "month"])} choose={(span) => setDraft({ ...draft, span })} />
                <button type="submit" class="button">
                  Set budget
                </button>
              </form>
            ) : (
              <p class="note">{roleOf(person)} can read this, not change it.</p>
            )}
            {failure ? <Banner text={failure} tone="danger" /> : null}
          </>
        );
      }}
    </Shown>
  );
}
