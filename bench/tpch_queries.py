"""Ten TPC-H queries: once for the DataFrame API of Dask and shoal, once for Polars, once in SQL (DuckDB, Spark)."""

# ruff: noqa: E501, E731, E741

import datetime


def D(s):
    return datetime.datetime.fromisoformat(s)


# --- the DataFrame API of Dask and shoal; t(table, columns) gives a lazy frame ----------------------------------------
def revenue(df):
    return df.assign(revenue=df.l_extendedprice * (1 - df.l_discount))


def q1(t):
    l = t(
        "lineitem",
        "l_returnflag l_linestatus l_quantity l_extendedprice l_discount l_tax l_shipdate",
    )
    l = l[l.l_shipdate <= D("1998-09-02")]
    l = l.assign(disc_price=l.l_extendedprice * (1 - l.l_discount))
    l = l.assign(charge=l.disc_price * (1 + l.l_tax))
    g = l.groupby(["l_returnflag", "l_linestatus"])
    out = g.agg(
        {
            "l_quantity": ["sum", "mean"],
            "l_extendedprice": ["sum", "mean"],
            "disc_price": "sum",
            "charge": "sum",
            "l_discount": ["mean", "count"],
        }
    ).compute()
    out.columns = [
        "sum_qty",
        "avg_qty",
        "sum_base",
        "avg_price",
        "sum_disc",
        "sum_charge",
        "avg_disc",
        "count_order",
    ]
    return out.reset_index()


def q3(t):
    c, o = (
        t("customer", "c_custkey c_mktsegment"),
        t("orders", "o_orderkey o_custkey o_orderdate o_shippriority"),
    )
    l = t("lineitem", "l_orderkey l_extendedprice l_discount l_shipdate")
    j = c[c.c_mktsegment == "BUILDING"].merge(
        o[o.o_orderdate < D("1995-03-15")], left_on="c_custkey", right_on="o_custkey"
    )
    j = revenue(
        j.merge(l[l.l_shipdate > D("1995-03-15")], left_on="o_orderkey", right_on="l_orderkey")
    )
    g = j.groupby(["l_orderkey", "o_orderdate", "o_shippriority"]).revenue.sum()
    return g.reset_index().nlargest(10, "revenue").compute()


def q4(t):
    o, l = (
        t("orders", "o_orderkey o_orderdate o_orderpriority"),
        t("lineitem", "l_orderkey l_commitdate l_receiptdate"),
    )
    o = o[(o.o_orderdate >= D("1993-07-01")) & (o.o_orderdate < D("1993-10-01"))]
    j = o.merge(l[l.l_commitdate < l.l_receiptdate], left_on="o_orderkey", right_on="l_orderkey")
    j = j[["o_orderkey", "o_orderpriority"]].drop_duplicates()
    return j.groupby("o_orderpriority").o_orderkey.count().compute().reset_index(name="order_count")


def q5(t):
    n, s, c = (
        t("nation", "n_nationkey n_name n_regionkey"),
        t("supplier", "s_suppkey s_nationkey"),
        t("customer", "c_custkey c_nationkey"),
    )
    o, l = (
        t("orders", "o_orderkey o_custkey o_orderdate"),
        t("lineitem", "l_orderkey l_suppkey l_extendedprice l_discount"),
    )
    g = t("region", "r_regionkey r_name")
    o = o[(o.o_orderdate >= D("1994-01-01")) & (o.o_orderdate < D("1995-01-01"))]
    n = g[g.r_name == "ASIA"].merge(n, left_on="r_regionkey", right_on="n_regionkey")
    j = n.merge(c, left_on="n_nationkey", right_on="c_nationkey").merge(
        o, left_on="c_custkey", right_on="o_custkey"
    )
    j = j.merge(l, left_on="o_orderkey", right_on="l_orderkey")
    j = revenue(
        j.merge(s, left_on=["l_suppkey", "n_nationkey"], right_on=["s_suppkey", "s_nationkey"])
    )
    return j.groupby("n_name").revenue.sum().compute().reset_index()


def q6(t):
    l = t("lineitem", "l_quantity l_extendedprice l_discount l_shipdate")
    l = l[
        (l.l_shipdate >= D("1994-01-01"))
        & (l.l_shipdate < D("1995-01-01"))
        & (l.l_discount >= 0.0499)
        & (l.l_discount <= 0.0701)
        & (l.l_quantity < 24)
    ]
    return (l.l_extendedprice * l.l_discount).sum().compute()


def q9(t):
    p, ps = t("part", "p_partkey p_name"), t("partsupp", "ps_partkey ps_suppkey ps_supplycost")
    l = t("lineitem", "l_orderkey l_partkey l_suppkey l_quantity l_extendedprice l_discount")
    s, o, n = (
        t("supplier", "s_suppkey s_nationkey"),
        t("orders", "o_orderkey o_orderdate"),
        t("nation", "n_nationkey n_name"),
    )
    j = p[p.p_name.str.contains("green")].merge(l, left_on="p_partkey", right_on="l_partkey")
    j = j.merge(ps, left_on=["l_partkey", "l_suppkey"], right_on=["ps_partkey", "ps_suppkey"])
    j = j.merge(
        s.merge(n, left_on="s_nationkey", right_on="n_nationkey"),
        left_on="l_suppkey",
        right_on="s_suppkey",
    )
    j = j.merge(o, left_on="l_orderkey", right_on="o_orderkey")
    j = j.assign(
        o_year=j.o_orderdate.dt.year,
        amount=j.l_extendedprice * (1 - j.l_discount) - j.ps_supplycost * j.l_quantity,
    )
    return j.groupby(["n_name", "o_year"]).amount.sum().compute().reset_index()


def q10(t):
    c = t("customer", "c_custkey c_name c_acctbal c_phone c_address c_comment c_nationkey")
    o, l = (
        t("orders", "o_orderkey o_custkey o_orderdate"),
        t("lineitem", "l_orderkey l_extendedprice l_discount l_returnflag"),
    )
    o = o[(o.o_orderdate >= D("1993-10-01")) & (o.o_orderdate < D("1994-01-01"))]
    j = o.merge(l[l.l_returnflag == "R"], left_on="o_orderkey", right_on="l_orderkey")
    j = c.merge(revenue(j), left_on="c_custkey", right_on="o_custkey")
    j = j.merge(t("nation", "n_nationkey n_name"), left_on="c_nationkey", right_on="n_nationkey")
    g = j.groupby(
        ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"]
    ).revenue.sum()
    return g.reset_index().nlargest(20, "revenue").compute()


def q12(t):
    o, l = (
        t("orders", "o_orderkey o_orderpriority"),
        t("lineitem", "l_orderkey l_shipmode l_commitdate l_receiptdate l_shipdate"),
    )
    l = l[
        l.l_shipmode.isin(["MAIL", "SHIP"])
        & (l.l_commitdate < l.l_receiptdate)
        & (l.l_shipdate < l.l_commitdate)
        & (l.l_receiptdate >= D("1994-01-01"))
        & (l.l_receiptdate < D("1995-01-01"))
    ]
    j = o.merge(l, left_on="o_orderkey", right_on="l_orderkey")
    high = j.o_orderpriority.isin(["1-URGENT", "2-HIGH"])
    j = j.assign(high=high.astype("int64"), low=(~high).astype("int64"))
    return j.groupby("l_shipmode")[["high", "low"]].sum().compute().reset_index()


def q18(t):
    c, o = (
        t("customer", "c_custkey c_name"),
        t("orders", "o_orderkey o_custkey o_orderdate o_totalprice"),
    )
    l = t("lineitem", "l_orderkey l_quantity")
    big = l.groupby("l_orderkey").l_quantity.sum().reset_index()
    j = o.merge(big[big.l_quantity > 300], left_on="o_orderkey", right_on="l_orderkey")
    j = j.merge(c, left_on="o_custkey", right_on="c_custkey")
    j = j[["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice", "l_quantity"]]
    return j.nlargest(100, "o_totalprice").compute()


def q21(t):
    s, n = t("supplier", "s_suppkey s_name s_nationkey"), t("nation", "n_nationkey n_name")
    l, o = (
        t("lineitem", "l_orderkey l_suppkey l_receiptdate l_commitdate"),
        t("orders", "o_orderkey o_orderstatus"),
    )
    late = l[l.l_receiptdate > l.l_commitdate]
    many = (
        l.groupby("l_orderkey")
        .l_suppkey.nunique()
        .reset_index()
        .rename(columns={"l_suppkey": "nsupp"})
    )
    one = (
        late.groupby("l_orderkey")
        .l_suppkey.nunique()
        .reset_index()
        .rename(columns={"l_suppkey": "nlate"})
    )
    j = late.merge(many[many.nsupp > 1], on="l_orderkey").merge(
        one[one.nlate == 1], on="l_orderkey"
    )
    j = j.merge(o[o.o_orderstatus == "F"], left_on="l_orderkey", right_on="o_orderkey")
    j = j.merge(s, left_on="l_suppkey", right_on="s_suppkey")
    j = j.merge(n[n.n_name == "SAUDI ARABIA"], left_on="s_nationkey", right_on="n_nationkey")
    out = j.groupby("s_name").l_orderkey.count().compute().reset_index(name="numwait")
    return out.sort_values(["numwait", "s_name"], ascending=[False, True]).head(100)


FRAMES = {f.__name__: f for f in (q1, q3, q4, q5, q6, q9, q10, q12, q18, q21)}


# --- Polars; t(table) gives a LazyFrame ------------------------------------------------------------
def polars_queries(t):
    import polars as pl

    c, sum_, n_unique = pl.col, pl.sum, pl.n_unique
    rev = (c("l_extendedprice") * (1 - c("l_discount"))).alias("revenue")
    between = lambda col, a, b: (c(col) >= D(a)) & (c(col) < D(b))
    L, O, C, S, N, P, PS, R = map(
        t, ["lineitem", "orders", "customer", "supplier", "nation", "part", "partsupp", "region"]
    )
    disc = c("l_extendedprice") * (1 - c("l_discount"))
    late = L.filter(c("l_receiptdate") > c("l_commitdate"))
    suppliers_of = lambda df, name: df.group_by("l_orderkey").agg(n_unique("l_suppkey").alias(name))
    return {
        "q1": L.filter(c("l_shipdate") <= D("1998-09-02"))
        .group_by("l_returnflag", "l_linestatus")
        .agg(
            sum_("l_quantity").alias("sum_qty"),
            pl.mean("l_quantity").alias("avg_qty"),
            sum_("l_extendedprice").alias("sum_base"),
            pl.mean("l_extendedprice").alias("avg_price"),
            disc.sum().alias("sum_disc"),
            (disc * (1 + c("l_tax"))).sum().alias("sum_charge"),
            pl.mean("l_discount").alias("avg_disc"),
            pl.len().alias("count_order"),
        ),
        "q3": C.filter(c("c_mktsegment") == "BUILDING")
        .join(
            O.filter(c("o_orderdate") < D("1995-03-15")), left_on="c_custkey", right_on="o_custkey"
        )
        .join(
            L.filter(c("l_shipdate") > D("1995-03-15")), left_on="o_orderkey", right_on="l_orderkey"
        )
        .group_by(c("o_orderkey").alias("l_orderkey"), "o_orderdate", "o_shippriority")
        .agg(rev.sum())
        .top_k(10, by="revenue"),
        "q4": O.filter(between("o_orderdate", "1993-07-01", "1993-10-01"))
        .join(
            L.filter(c("l_commitdate") < c("l_receiptdate")),
            left_on="o_orderkey",
            right_on="l_orderkey",
            how="semi",
        )
        .group_by("o_orderpriority")
        .agg(pl.len().alias("order_count")),
        "q5": R.filter(c("r_name") == "ASIA")
        .join(N, left_on="r_regionkey", right_on="n_regionkey")
        .join(C, left_on="n_nationkey", right_on="c_nationkey")
        .join(
            O.filter(between("o_orderdate", "1994-01-01", "1995-01-01")),
            left_on="c_custkey",
            right_on="o_custkey",
        )
        .join(L, left_on="o_orderkey", right_on="l_orderkey")
        .join(S, left_on=["l_suppkey", "n_nationkey"], right_on=["s_suppkey", "s_nationkey"])
        .group_by("n_name")
        .agg(rev.sum()),
        "q6": L.filter(
            between("l_shipdate", "1994-01-01", "1995-01-01")
            & c("l_discount").is_between(0.0499, 0.0701)
            & (c("l_quantity") < 24)
        ).select((c("l_extendedprice") * c("l_discount")).sum().alias("revenue")),
        "q9": P.filter(c("p_name").str.contains("green", literal=True))
        .join(L, left_on="p_partkey", right_on="l_partkey")
        .join(PS, left_on=["p_partkey", "l_suppkey"], right_on=["ps_partkey", "ps_suppkey"])
        .join(S, left_on="l_suppkey", right_on="s_suppkey")
        .join(N, left_on="s_nationkey", right_on="n_nationkey")
        .join(O, left_on="l_orderkey", right_on="o_orderkey")
        .group_by("n_name", c("o_orderdate").dt.year().alias("o_year"))
        .agg((disc - c("ps_supplycost") * c("l_quantity")).sum().alias("amount")),
        "q10": O.filter(between("o_orderdate", "1993-10-01", "1994-01-01"))
        .join(L.filter(c("l_returnflag") == "R"), left_on="o_orderkey", right_on="l_orderkey")
        .join(C, left_on="o_custkey", right_on="c_custkey")
        .join(N, left_on="c_nationkey", right_on="n_nationkey")
        .group_by(
            c("o_custkey").alias("c_custkey"),
            "c_name",
            "c_acctbal",
            "c_phone",
            "n_name",
            "c_address",
            "c_comment",
        )
        .agg(rev.sum())
        .top_k(20, by="revenue"),
        "q12": L.filter(
            c("l_shipmode").is_in(["MAIL", "SHIP"])
            & (c("l_commitdate") < c("l_receiptdate"))
            & (c("l_shipdate") < c("l_commitdate"))
            & between("l_receiptdate", "1994-01-01", "1995-01-01")
        )
        .join(O, left_on="l_orderkey", right_on="o_orderkey")
        .with_columns(hi=c("o_orderpriority").is_in(["1-URGENT", "2-HIGH"]))
        .group_by("l_shipmode")
        .agg(
            c("hi").cast(pl.Int64).sum().alias("high"), (~c("hi")).cast(pl.Int64).sum().alias("low")
        ),
        "q18": O.join(
            L.group_by("l_orderkey").agg(sum_("l_quantity")).filter(c("l_quantity") > 300),
            left_on="o_orderkey",
            right_on="l_orderkey",
        )
        .join(C, left_on="o_custkey", right_on="c_custkey")
        .select(
            "c_name",
            c("o_custkey").alias("c_custkey"),
            "o_orderkey",
            "o_orderdate",
            "o_totalprice",
            "l_quantity",
        )
        .top_k(100, by="o_totalprice"),
        "q21": late.join(
            suppliers_of(L, "nsupp").filter(c("nsupp") > 1), on="l_orderkey", how="semi"
        )
        .join(suppliers_of(late, "nlate").filter(c("nlate") == 1), on="l_orderkey", how="semi")
        .join(
            O.filter(c("o_orderstatus") == "F"),
            left_on="l_orderkey",
            right_on="o_orderkey",
            how="semi",
        )
        .join(S, left_on="l_suppkey", right_on="s_suppkey")
        .join(
            N.filter(c("n_name") == "SAUDI ARABIA"), left_on="s_nationkey", right_on="n_nationkey"
        )
        .group_by("s_name")
        .agg(pl.len().alias("numwait"))
        .sort("numwait", "s_name", descending=[True, False])
        .head(100),
    }


# --- SQL -----------------------------------------------------------------------------------------
_REV = "sum(l_extendedprice * (1 - l_discount)) as revenue"
SQL = {
    "q1": """select l_returnflag, l_linestatus, sum(l_quantity) sum_qty, avg(l_quantity) avg_qty, sum(l_extendedprice) sum_base,
        avg(l_extendedprice) avg_price, sum(l_extendedprice * (1 - l_discount)) sum_disc,
        sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) sum_charge, avg(l_discount) avg_disc, count(*) count_order
        from lineitem where l_shipdate <= date '1998-09-02' group by l_returnflag, l_linestatus""",
    "q3": f"""select l_orderkey, o_orderdate, o_shippriority, {_REV} from customer, orders, lineitem
        where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15'
        and l_shipdate > date '1995-03-15' group by l_orderkey, o_orderdate, o_shippriority order by revenue desc limit 10""",
    "q4": """select o_orderpriority, count(*) order_count from orders where o_orderdate >= date '1993-07-01' and
        o_orderdate < date '1993-10-01' and exists (select * from lineitem where l_orderkey = o_orderkey and
        l_commitdate < l_receiptdate) group by o_orderpriority""",
    "q5": f"""select n_name, {_REV} from customer, orders, lineitem, supplier, nation, region where c_custkey = o_custkey and
        l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey and s_nationkey = n_nationkey and
        n_regionkey = r_regionkey and r_name = 'ASIA' and o_orderdate >= date '1994-01-01' and o_orderdate < date '1995-01-01'
        group by n_name""",
    "q6": """select sum(l_extendedprice * l_discount) revenue from lineitem where l_shipdate >= date '1994-01-01' and
        l_shipdate < date '1995-01-01' and l_discount between 0.0499 and 0.0701 and l_quantity < 24""",
    "q9": """select n_name, extract(year from o_orderdate) o_year,
        sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) amount
        from part, supplier, lineitem, partsupp, orders, nation where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and
        ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey and s_nationkey = n_nationkey and
        p_name like '%green%' group by n_name, o_year""",
    "q10": f"""select c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment, {_REV}
        from customer, orders, lineitem, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and
        o_orderdate >= date '1993-10-01' and o_orderdate < date '1994-01-01' and l_returnflag = 'R' and c_nationkey = n_nationkey
        group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment order by revenue desc limit 20""",
    "q12": """select l_shipmode, sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 1 else 0 end) high,
        sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') then 0 else 1 end) low from orders, lineitem
        where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and
        l_shipdate < l_commitdate and l_receiptdate >= date '1994-01-01' and l_receiptdate < date '1995-01-01' group by l_shipmode""",
    "q18": """select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) l_quantity
        from customer, orders, lineitem where o_orderkey in (select l_orderkey from lineitem group by l_orderkey
        having sum(l_quantity) > 300) and c_custkey = o_custkey and o_orderkey = l_orderkey
        group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice order by o_totalprice desc limit 100""",
    "q21": """select s_name, count(*) numwait from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and
        o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and
        exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and
        not exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and
        l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA'
        group by s_name order by numwait desc, s_name limit 100""",
}
