import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import Budget


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts(request, tmp_path, clock):
    """Accounts in a SQLite file, and the same in a real PostgreSQL."""
    home = tmp_path / "home"
    if request.param == "postgresql":
        home.mkdir()
        (home / "accounts.url").write_text(request.getfixturevalue("postgres").new())
    opened = Accounts.open(home / "accounts.sqlite", clock)
    yield opened
    opened.close()


@pytest.fixture
def agree(clock):
    """A function that makes a consent of alice's, with any field changed."""

    def consent(**fields):
        words = {
            "id": "",
            "tenant": "acme",
            "kind": "separate",
            "recipient": "doubao",
            "region": "CN",
            "feature": "*",
            "scope": "always",
            "subject": "alice",
            "language": "zh-CN",
            "given_at": clock.now(),
            "until": clock.now() + timedelta(days=180),
        }
        return Consent(**(words | fields))

    return consent


def hashed(accounts, secret):
    keyed = accounts.keyed()
    keyed.update(secret.encode())
    return keyed.digest()


def test_a_key_is_found_by_its_hash_and_its_secret_is_kept_nowhere(accounts, tmp_path):
    caller, secret = accounts.create_key("acme", ["CN", "EU"], "CN", "adult", ["cns_1"])
    assert secret.startswith(f"isk_{caller.key_id}_")
    assert len(secret.split("_", 2)[2]) >= 32
    assert dict(accounts.callers()) == {hashed(accounts, secret): caller}
    accounts.close()
    for path in (tmp_path / "home").iterdir():
        assert secret.encode() not in path.read_bytes()
        assert secret.split("_", 2)[2].encode() not in path.read_bytes()


def test_keys_are_listed_without_a_secret(accounts):
    caller, _ = accounts.create_key("acme", ["CN"], "CN")
    key = accounts.list_keys()[0]
    assert (key.id, key.tenant, key.regions, key.revoked_at) == (caller.key_id, "acme", ("CN",), "")
    assert key.made_at == "2026-11-22T00:00:00Z"


def test_a_key_asks_from_a_region_that_it_serves(accounts):
    with pytest.raises(Refusal, match="region_not_allowed"):
        accounts.create_key("acme", ["CN"], "EU")


def test_a_revoked_key_stays_with_its_day_and_is_revoked_once(accounts, clock):
    caller, _ = accounts.create_key("acme", ["CN"], "CN")
    accounts.revoke_key(caller.key_id)
    clock.advance(86_400)
    accounts.revoke_key(caller.key_id)
    found = next(iter(dict(accounts.callers()).values()))
    assert (found.revoked, found.revoked_on) == (True, "2026-11-22")
    assert accounts.list_keys()[0].revoked_at == "2026-11-22T00:00:00Z"


def test_what_does_not_exist_cannot_be_revoked_or_withdrawn(accounts):
    with pytest.raises(Refusal, match="unknown_key"):
        accounts.revoke_key("nothing' OR 1=1 --")
    with pytest.raises(Refusal, match="unknown_consent"):
        accounts.withdraw_consent("nothing")


def test_the_version_changes_with_every_write_of_anybody(accounts, tmp_path, clock, agree):
    other = Accounts.open(tmp_path / "home" / "accounts.sqlite", clock)
    seen = [accounts.version()]
    caller, _ = other.create_key("acme", ["CN"], "CN")
    seen.append(accounts.version())
    other.revoke_key(caller.key_id)
    seen.append(accounts.version())
    consent = other.give_consent(agree())
    seen.append(accounts.version())
    other.mark_used(consent.id)
    seen.append(accounts.version())
    other.withdraw_consent(consent.id)
    seen.append(accounts.version())
    other.erase_person("acme", "alice")
    seen.append(accounts.version())
    assert len(set(seen)) == 7
    assert accounts.version() == seen[-1]
    other.close()


def test_a_failed_write_changes_nothing(accounts, agree):
    consent = accounts.give_consent(agree())
    before = accounts.version()
    with pytest.raises(sa.exc.IntegrityError):
        accounts.give_consent(agree(id=consent.id))
    assert accounts.version() == before


def test_a_consent_comes_back_as_it_was_given(accounts, agree):
    given = accounts.give_consent(agree())
    assert given.id.startswith("cns_")
    assert accounts.list_consents() == [given]
    assert accounts.list_consents("acme") == [given]
    assert accounts.list_consents("other") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "tacit"),
        ("scope", "for ever"),
        ("subject", "a" * 201),
        ("tenant", "t" * 65),
        ("recipient", "r" * 65),
        ("subject", "a\nb"),
    ],
)
def test_a_consent_of_no_known_kind_is_refused(accounts, agree, field, value):
    with pytest.raises(Refusal) as refusal:
        accounts.give_consent(agree(**{field: value}))
    assert refusal.value.code == "bad_field"
    assert refusal.value.fields["field"] == field
    assert field.encode() in refusal.value.encode()


def test_of_two_who_use_a_consent_once_one_wins(accounts, agree):
    consent = accounts.give_consent(agree(scope="once"))
    assert accounts.mark_used(consent.id) is True
    assert accounts.mark_used(consent.id) is False
    assert accounts.mark_used("nothing") is False
    assert accounts.list_consents()[0].used


def test_a_live_index_keeps_its_objects_and_sees_withdrawals(accounts, agree):
    index = {}
    one, two = accounts.give_consent(agree()), accounts.give_consent(agree())
    accounts.refresh_consents(index)
    held = index[one.id]
    held.used = True
    accounts.withdraw_consent(one.id)
    accounts.refresh_consents(index)
    assert index[one.id] is held
    assert (held.withdrawn, held.used) == (True, True)
    assert not index[two.id].withdrawn
    index[two.id].withdrawn = True  # on its way to the disk
    accounts.refresh_consents(index)
    assert index[two.id].withdrawn


def test_a_person_is_committed_to_and_can_be_forgotten(accounts, agree):
    accounts.give_consent(agree())
    index = {}
    accounts.refresh_consents(index)
    held = next(iter(index.values()))
    first = accounts.commitment("acme", "alice")
    assert len(first) == 64
    assert accounts.commitment("acme", "alice") == first
    assert accounts.commitment("acme", "bob") != first
    assert accounts.commitment("other", "alice") != first
    assert accounts.commitment("acme", "") == ""
    assert accounts.erase_person("acme", "alice") == 1
    assert accounts.commitment("acme", "alice") != first
    accounts.refresh_consents(index)
    assert index == {}
    assert held.withdrawn


def test_the_pepper_is_its_owners_alone_and_stays(tmp_path, clock):
    path = tmp_path / "accounts.sqlite"
    one = Accounts.open(path, clock)
    two = Accounts.open(path, clock)
    assert stat.S_IMODE((tmp_path / "accounts.pepper").stat().st_mode) == 0o600
    assert one.keyed().digest() == two.keyed().digest()
    one.close()
    two.close()


def test_accounts_of_another_schema_are_not_touched(tmp_path, clock):
    path = tmp_path / "accounts.sqlite"
    accounts = Accounts.open(path, clock)
    with accounts.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE house SET schema = 99, reads = 99"))
    accounts.close()
    with pytest.raises(Refusal) as refusal:
        Accounts.open(path, clock)
    assert "schema 99" in refusal.value.sentence()


def test_a_damaged_database_is_told(tmp_path, clock):
    path = tmp_path / "accounts.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(Refusal, match="data_damaged"):
        Accounts.open(path, clock)


def test_workers_that_start_together_find_one_house(tmp_path, clock):
    def start(number):
        opened = Accounts.open(tmp_path / "new" / "accounts.sqlite", clock)
        opened.create_key(f"t{number}", ["CN"], "CN")
        found = (opened.keyed().digest(), opened.commitment("acme", "alice"))
        opened.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(start, range(8)))
    assert len(found) == 1
    opened = Accounts.open(tmp_path / "new" / "accounts.sqlite", clock)
    assert len(opened.list_keys()) == 8
    opened.close()


def test_a_tenant_belongs_to_an_organisation_and_can_move(accounts):
    caller, _ = accounts.create_key("acme", ["CN"], "CN")
    assert caller.organisation == "default"
    accounts.place_tenant("acme", "group")
    accounts.place_tenant("beta", "group")
    assert accounts.list_tenants() == {"acme": "group", "beta": "group"}
    assert next(iter(dict(accounts.callers()).values())).organisation == "group"
    assert accounts.create_key("beta", ["CN"], "CN")[0].organisation == "group"
    for wrong in ("", "x" * 65, "a\nb"):
        with pytest.raises(Refusal, match="bad_field"):
            accounts.place_tenant("acme", wrong)


def test_a_caller_knows_whether_any_budget_binds_it(accounts):
    caller, _ = accounts.create_key("acme", ["CN"], "CN")
    assert not caller.limited
    budget = accounts.budgets.set(Budget("", "organisation", "default", "requests", "day", 5))
    assert all(caller.limited for _, caller in accounts.callers())
    assert accounts.create_key("beta", ["CN"], "CN")[0].limited
    accounts.budgets.remove(budget.id)
    assert not any(caller.limited for _, caller in accounts.callers())


def test_a_person_who_is_forgotten_takes_their_budget_along(accounts):
    kept = accounts.budgets.set(Budget("", "user", "acme", "requests", "day", 5, "*"))
    accounts.budgets.set(Budget("", "user", "acme", "requests", "day", 9, "alice"))
    accounts.erase_person("acme", "alice")
    assert accounts.budgets.list() == (kept,)
