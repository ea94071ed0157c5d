"""A new gradebook: nbgrader's tables, made from its own models and stamped with the version of its migrations.

nbgrader does the same when it opens a database that has no tables, but starts the program `alembic` to learn that
version, which takes longer than all the rest of a small class.
"""

from alembic.script import ScriptDirectory
from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import create_engine, inspect, text


def open_gradebook(db_url: str) -> Gradebook:
    """Return the gradebook of a database, which is made a gradebook where it has no tables yet.

    db_url  with its password, if it has one

    Raises SQLAlchemyError when the database cannot be used.
    """
    _make_tables(db_url)
    return Gradebook(db_url)


def _make_tables(db_url: str) -> None:
    engine = create_engine(db_url)
    try:
        if inspect(engine).get_table_names():
            return
        with engine.begin() as connection:
            Base.metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": newest_version()})
    finally:
        engine.dispose()


def newest_version() -> str | None:
    """Return the version that nbgrader's newest migration leads to."""
    return ScriptDirectory(ALEMBIC_DIR).get_current_head()
