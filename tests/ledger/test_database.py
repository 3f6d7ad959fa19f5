"""One database: where it is, who may read what lies beside it, and how its failures are told."""

import stat

import pytest
import sqlalchemy as sa

from isthmus.core.errors import Refusal
from isthmus.ledger import tables
from isthmus.ledger.database import Database, address, pepper


def test_a_url_beside_the_file_names_the_database(tmp_path):
    path = tmp_path / "accounts.sqlite"
    assert address(path) == f"sqlite:///{path}"
    (tmp_path / "accounts.url").write_text("postgresql://db/isthmus\n")
    assert address(path) == "postgresql://db/isthmus"


def test_the_pepper_is_made_once_for_its_owner_alone(tmp_path):
    first = pepper(tmp_path / "accounts.sqlite")
    assert len(first) == 32
    assert pepper(tmp_path / "accounts.sqlite") == first
    assert stat.S_IMODE((tmp_path / "accounts.pepper").stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["postgresql://secretuser:secretword@127.0.0.1:9/none", "nonsense"])
def test_what_cannot_be_opened_is_told_without_address_or_password(url):
    with pytest.raises(Refusal) as refusal:
        Database(url)
    assert refusal.value.code in ("data_damaged", "usage")
    assert "secret" not in refusal.value.sentence()


def test_a_change_that_fails_does_not_raise_the_version(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    with pytest.raises(ZeroDivisionError), database.writing():
        raise ZeroDivisionError
    assert database.version() == 0
    with database.writing() as connection:
        connection.execute(sa.select(tables.house))
    assert database.version() == 1
    database.close()
