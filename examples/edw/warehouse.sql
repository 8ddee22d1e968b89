-- The tables of the warehouse, made once; their columns are in the order of the parquet files.
CREATE TABLE orders (
    "order" VARCHAR(40), customer VARCHAR(40), country VARCHAR(2), product VARCHAR(40),
    quantity BIGINT, cents BIGINT, ordered_at VARCHAR(40), day DATE
);
CREATE TABLE sums (
    day DATE, country VARCHAR(2), product VARCHAR(40), orders BIGINT, pieces BIGINT, cents BIGINT
);
