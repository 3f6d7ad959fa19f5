import datetime as dt

from isthmus.core.decision import Question
from isthmus.core.operator import rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.regions import load as region_files

REGIONS, PARTNERS = region_files.load(), partner_files.load()


def make(day):
    return supposed.table(REGIONS, PARTNERS, rehearsal(), {}, day)


def test_a_supposed_table_runs_no_stage():
    plans = make(dt.date(2026, 11, 22)).decide(Question(("CN",))).plans
    assert plans
    assert all(plan.stages == () for plan in plans)


def test_only_the_partners_own_secrets_are_taken_from_the_environment():
    found = supposed.secrets(PARTNERS, {"ARK_API_KEY": "a", "HOME": "/", "OPENAI_API_KEY": ""})
    assert found == {"ARK_API_KEY": "a"}


def test_days_of_unchanged_law_share_one_table():
    made = []

    def counted(day):
        made.append(day)
        return make(day)

    days = supposed.ByDay(counted)
    first = days.on(dt.date(2026, 11, 22))
    assert days.on(dt.date(2026, 11, 22)) is first
    assert days.on(dt.date(2026, 12, 1)) is first
    assert days.on(dt.date(2026, 12, 2)) is not first
    assert len(made) == 2
