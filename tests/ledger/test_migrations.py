"""Numbered migrations, on SQLite and on PostgreSQL: what they make is what the code expects."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from isthmus.core.errors import Refusal
from isthmus.ledger import tables
from isthmus.ledger.database import Database
from isthmus.ledger.migrations import m001_keys_and_consents, migrate, steps


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path}/a.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres").new()


@pytest.fixture
def engine(url):
    made = sa.create_engine(url)
    yield made
    made.dispose()


def made_by_the_first_version(engine):
    """A database as the first version left it, with two tenants' keys."""
    with engine.begin() as connection:
        m001_keys_and_consents.up(connection)
        connection.execute(sa.text("INSERT INTO house (one, schema, revision) VALUES (1, 1, 12)"))
        row = "VALUES (:id, :hash, :tenant, '[\"CN\"]', 'CN', 'adult', '[]', :made, NULL)"
        for number, tenant in enumerate(("acme", "acme", "beta")):
            words = {"id": f"k{number}", "hash": bytes([number]) * 32, "tenant": tenant, "made": 1000 + number}
            connection.execute(sa.text(f"INSERT INTO keys {row}"), words)


def test_the_migrations_make_what_the_code_expects(url, engine):
    Database(url).close()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_an_old_database_is_brought_along_with_all_it_holds(url, engine):
    made_by_the_first_version(engine)
    database = Database(url)
    assert [(row.id, row.tenant) for row in database.rows(sa.select(tables.keys).order_by(tables.keys.c.id))] == [
        ("k0", "acme"),
        ("k1", "acme"),
        ("k2", "beta"),
    ]
    found = {row.id: (row.organisation, row.made_at) for row in database.rows(sa.select(tables.tenants))}
    assert found == {"acme": ("default", 1000), "beta": ("default", 1002)}
    assert database.version() == 12
    (house,) = database.rows(sa.select(tables.house))
    assert (house.schema, house.reads) == (len(steps()), 1)
    database.close()


def test_a_second_start_changes_nothing(url, engine):
    Database(url).close()
    with engine.begin() as connection:
        before = sorted(sa.inspect(connection).get_table_names())
        assert migrate(connection) == len(steps())
        assert sorted(sa.inspect(connection).get_table_names()) == before


def test_nodes_that_start_together_migrate_once(url, engine):
    made_by_the_first_version(engine)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: Database(url).close(), range(6)))
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.tenants)).scalar_one() == 2


def test_a_migration_that_fails_leaves_the_old_database(url, engine, monkeypatch):
    made_by_the_first_version(engine)
    whole = steps()

    class Broken:
        READS = 1

        @staticmethod
        def up(connection):
            whole[1].up(connection)
            raise sa.exc.IntegrityError("half way", None, ValueError())

    monkeypatch.setattr("isthmus.ledger.migrations.steps", lambda: [whole[0], Broken])
    with pytest.raises(Refusal, match="data_damaged"):
        Database(url)
    with engine.connect() as connection:
        assert "budgets" not in sa.inspect(connection).get_table_names()
        assert connection.execute(sa.text("SELECT schema FROM house")).scalar_one() == 1


def test_a_newer_database_is_used_while_it_only_added(url, engine):
    Database(url).close()
    newer = len(steps()) + 1
    with engine.begin() as connection:
        connection.execute(tables.house.update().values(schema=newer, reads=len(steps())))
    Database(url).close()
    with engine.begin() as connection:
        connection.execute(tables.house.update().values(reads=newer))
    with pytest.raises(Refusal) as refusal:
        Database(url)
    assert f"schema {newer}" in refusal.value.sentence()


def test_every_step_says_which_older_code_may_use_its_result():
    for number, step in enumerate(steps(), 1):
        assert step.__name__.rpartition(".")[2].startswith(f"m{number:03d}_")
        assert 1 <= step.READS <= number
