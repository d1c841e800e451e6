"""The `qingling` command. Each sub-command lives in the module of its name and imports what it needs when it runs."""

import typer

from console import (
    backup,
    criteria,
    criteria_check,
    criteria_diff,
    criteria_rejudge,
    criteria_versions,
    dead,
    demo,
    do,
    doctor,
    export,
    ingest,
    ingest_bridge,
    ingest_ledger,
    kpi,
    replay,
    sql,
    status,
    trace,
)

app = typer.Typer(
    name="qingling",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="清零 Qingling: alarms and inspection findings, judged by the criteria in force, followed to clearance.",
)
app.command("demo")(demo.demo)
ingest.app.command("ledger")(ingest_ledger.ledger)
ingest.app.command("exchange")(ingest_ledger.exchange)
ingest.app.command("programme")(ingest_ledger.programme)
ingest.app.command("template")(ingest_ledger.template)
ingest.app.command("bridge")(ingest_bridge.bridge)
app.add_typer(ingest.app, name="ingest")
app.add_typer(export.app, name="export")
app.command("do")(do.do)
app.command("replay")(replay.replay)
criteria.app.command("check")(criteria_check.check)
criteria.app.command("rules")(criteria_check.rules)
criteria.app.command("diff")(criteria_diff.diff)
criteria.app.command("publish")(criteria_versions.publish)
criteria.app.command("published")(criteria_versions.list_published)
criteria.app.command("withdraw")(criteria_versions.take_back)
criteria.app.command("rejudge")(criteria_rejudge.rejudge)
app.add_typer(criteria.app, name="criteria")
app.add_typer(kpi.app, name="kpi")
app.command("sql")(sql.sql)
app.command("trace")(trace.trace)
app.add_typer(dead.app, name="dead")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Entry point of the `qingling` script."""
    app()


if __name__ == "__main__":
    main()
