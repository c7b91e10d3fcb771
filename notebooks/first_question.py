"""From a question to a conclusion, on the folder of a publisher: load, ask, look, conclude. Needs the extra `notebooks`."""

import marimo

app = marimo.App(width="medium")


@app.cell
def load():
    import marimo as mo

    from analysis.published import open_publisher

    folder = str(mo.cli_args().get("folder") or "demo")
    publisher = open_publisher(folder)
    experiments = publisher.experiments()
    experiments.select("experiment_id", "name", "verdict", "variant_id")
    return experiments, mo, publisher


@app.cell
def ask(experiments, mo):
    chosen = mo.ui.dropdown(experiments["experiment_id"].to_list(), value=experiments["experiment_id"][0], label="Test")
    chosen
    return (chosen,)


@app.cell
def compare(chosen, mo, publisher):
    import polars as pl

    cuts = [None, *publisher.reader_outcomes(chosen.value)["device"].unique().sort().to_list()]
    compared = pl.concat(
        [publisher.compare(chosen.value, device=cut).with_columns(pl.lit(cut or "all").alias("device")) for cut in cuts]
    )
    mo.ui.table(compared.select("device", "variant_id", "n", "x", "lift", "low", "high", "e_value", "reason"))
    return compared, pl


@app.cell
def look(chosen, publisher):
    import plotly.graph_objects as go

    grown = publisher.evidence(chosen.value, metric="conversion").drop_nulls("lift")
    picture = go.Figure(
        [
            go.Scatter(x=rows["as_of"], y=rows["lift"], name=str(variant), mode="lines")
            for (variant,), rows in grown.group_by("variant_id", maintain_order=True)
        ]
    )
    picture.update_layout(title="Lift of conversion, day by day", yaxis_tickformat="+.0%", xaxis_title="Counted to")
    picture


@app.cell
def conclude(compared, mo, pl):
    clear = compared.filter((pl.col("device") == "all") & (pl.col("e_value") >= 20))
    conclusion = (
        "No variant differs from the control beyond doubt in conversion."
        if clear.is_empty()
        else f"Beyond doubt in conversion: {', '.join(clear['variant_id'])}."
    )
    print(conclusion)
    mo.md(f"**{conclusion}** Devices are a look at where it comes from, not a verdict.")


if __name__ == "__main__":
    app.run()
