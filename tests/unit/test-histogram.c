/* SPDX-License-Identifier: MIT */
/* tests/unit/test-histogram.c - bucket indexes against logarithms, quantiles against sorting, merges. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "spool/histogram.h"
#include "tests/support/ap_check.h"

#define DAY_NS 86400e9
#define WORST 0.011 /* of a quantile: 2^(1/64) - 1 and a little */
#define WORST_COARSE 0.045

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double random_unit(void)
{
	return ((double)(random_u64() >> 11) + 0.5) * 0x1p-53;
}

static double random_normal(void)
{
	return sqrt(-2 * log(random_unit())) * cos(2 * M_PI * random_unit());
}

/* The format's definition of a bucket, apart from the code: i = ceil(32 log2(seconds)). */
static long double exact_bucket(uint64_t ticks, uint64_t ticks_per_s)
{
	return 32 * log2l((long double)ticks / ticks_per_s) + AP_HIST_OFFSET;
}

static void check_bucket(const struct ap_hist_map *map, uint64_t ticks, uint64_t ticks_per_s)
{
	const uint32_t j = ap_hist_index(map, ticks);
	if (ticks == 0) {
		ck_assert_uint_eq(j, 0);
		return;
	}
	/* The factor is rounded in its 32nd bit after the point: that near to an edge, either will do. */
	const long double exact = exact_bucket(ticks, ticks_per_s), near = 32 * 0x1p-30L;
	const long double least = ceill(exact - near), most = ceill(exact + near);
	const long double last = AP_HIST_BUCKETS - 1;
	ck_assert_msg(j >= fminl(fmaxl(least, 0), last) && j <= fminl(fmaxl(most, 0), last),
		      "%llu ticks of %llu/s: bucket %u, exactly %.12Lf", (unsigned long long)ticks,
		      (unsigned long long)ticks_per_s, j, exact);
}

static const uint64_t rates[] = {1000000000, 2199998000, 2900123456, 4999999999,
				 24000000,   1000000,	 62500000};

START_TEST(edges_are_powers_of_two_to_the_nth_of_32)
{
	for (int k = 0; k < AP_HIST_ROW_EDGES; k++) {
		const long double edge = exp2l(63 + k / 32.0L);
		ck_assert_msg(fabsl((long double)ap_hist_edges[k] - edge) <= 2, "edge %d", k);
	}
}
END_TEST

START_TEST(every_small_duration_has_the_bucket_of_its_logarithm)
{
	struct ap_hist_map map;
	ap_hist_map_init(&map, rates[_i]);
	for (uint64_t ticks = 0; ticks < 4 * AP_HIST_DIRECT; ticks++) {
		check_bucket(&map, ticks, rates[_i]);
	}
}
END_TEST

START_TEST(every_long_duration_has_the_bucket_of_its_logarithm)
{
	struct ap_hist_map map;
	ap_hist_map_init(&map, rates[_i]);
	for (int i = 0; i < 200000; i++) {
		check_bucket(&map, random_u64() >> (random_u64() % 64), rates[_i]);
	}
	check_bucket(&map, UINT64_MAX, rates[_i]);
}
END_TEST

START_TEST(both_sides_of_every_bucket_edge_are_told_apart)
{
	struct ap_hist_map map;
	ap_hist_map_init(&map, rates[_i]);
	for (int j = 1; j < AP_HIST_BUCKETS; j++) {
		const long double edge = exp2l((j - AP_HIST_OFFSET) / 32.0L) * rates[_i];
		for (int step = -2; step <= 2; step++) {
			const long double ticks = floorl(edge) + step;
			if (ticks >= 0 && ticks < 0x1p63L) {
				check_bucket(&map, (uint64_t)ticks, rates[_i]);
			}
		}
	}
}
END_TEST

START_TEST(buckets_never_fall_as_durations_grow)
{
	struct ap_hist_map map;
	ap_hist_map_init(&map, rates[_i]);
	uint32_t before = 0;
	for (uint64_t ticks = 0; ticks < 1ull << 62; ticks += 1 + ticks / 300) {
		const uint32_t j = ap_hist_index(&map, ticks);
		ck_assert_uint_ge(j, before);
		before = j;
	}
}
END_TEST

START_TEST(a_duration_in_ns_has_the_bucket_that_its_ticks_have)
{
	struct ap_hist_map map;
	ap_hist_map_init(&map, 1000000000);
	for (int i = 0; i < 100000; i++) {
		const uint64_t ns = random_u64() >> (12 + random_u64() % 52);
		const uint32_t by_ns = ap_histogram_bucket_of_ns((double)ns);
		const uint32_t by_ticks = ap_hist_index(&map, ns);
		const long double exact = ns ? exact_bucket(ns, 1000000000) : 0;
		if (fabsl(exact - roundl(exact)) > 32 * 0x1p-30L) {
			ck_assert_uint_eq(by_ns, by_ticks);
		}
	}
	/* A bucket includes its upper edge. */
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(1e9), AP_HIST_OFFSET);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(5e8), AP_HIST_OFFSET - 32);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(nextafter(1e9, 2e9)), AP_HIST_OFFSET + 1);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(0), 0);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(-1), 0);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(NAN), 0);
	ck_assert_uint_eq(ap_histogram_bucket_of_ns(INFINITY), AP_HIST_BUCKETS - 1);
}
END_TEST

/* Quantiles in parts of 10,000. */
static const uint64_t quantiles[] = {0,	   1,	 100,  700,  2500, 5000, 7500,
				     9000, 9500, 9900, 9990, 9999, 10000};
#define QUANTILES (sizeof(quantiles) / sizeof(*quantiles))

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double sorted_quantile(const double *sorted, size_t n, uint64_t q)
{
	const uint64_t rank = (q * n + 9999) / 10000;
	return sorted[rank ? rank - 1 : 0];
}

/* All quantiles of @n values in ns, through buckets as the program fills them, against the values themselves. */
static void check_quantiles(double *values, size_t n, bool coarse)
{
	struct ap_hist_map map;
	struct ap_histogram h = {.coarse = coarse};

	ap_hist_map_init(&map, 1000000000);
	for (size_t i = 0; i < n; i++) {
		values[i] = fmin(fmax(rint(values[i]), 1), DAY_NS);
		const uint32_t j = ap_hist_index(&map, (uint64_t)values[i]);
		ck_assert_int_eq(ap_histogram_add(&h, coarse ? j | 3 : j, 1), 0);
	}
	ck_assert_uint_eq(h.count, n);
	qsort(values, n, sizeof(*values), by_value);
	for (size_t i = 0; i < QUANTILES; i++) {
		const double exact = sorted_quantile(values, n, quantiles[i]);
		const double found = ap_histogram_quantile(&h, (double)quantiles[i] / 10000) * 1e9;
		ck_assert_msg(fabs(found - exact) <= exact * (coarse ? WORST_COARSE : WORST),
			      "q %g of %zu values: %.9g instead of %.9g",
			      (double)quantiles[i] / 10000, n, found, exact);
	}
	ap_histogram_clear(&h);
}

#define VALUES 50000
static double values[VALUES];
static const size_t sizes[] = {1, 2, 3, 10, 99, 100, 101, 1000, VALUES};
#define SIZES ((int)(sizeof(sizes) / sizeof(*sizes)))

static void fill_uniform(double *v, size_t n)
{
	const double most = exp(random_unit() * log(DAY_NS));
	for (size_t i = 0; i < n; i++) {
		v[i] = random_unit() * most;
	}
}

static void fill_log_uniform(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = exp(random_unit() * log(DAY_NS));
	}
}

static void fill_log_normal(double *v, size_t n)
{
	const double median = exp(random_unit() * log(1e10)), sigma = 0.1 + 3 * random_unit();
	for (size_t i = 0; i < n; i++) {
		v[i] = median * exp(sigma * random_normal());
	}
}

/* Next to the edges of buckets. */
static void fill_edges(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = exp2((double)(random_u64() % 1500) / 32 - 30) * 1e9 +
		       (double)(random_u64() % 3) - 1;
	}
}

static void fill_two_far_points(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = i % 100 == 0 ? DAY_NS : 1;
	}
}

static void fill_powers(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = exp2((double)(i % 47));
	}
}

static void (*const fills[])(double *, size_t) = {fill_uniform,	       fill_log_uniform,
						  fill_log_normal,     fill_edges,
						  fill_two_far_points, fill_powers};
#define FILLS ((int)(sizeof(fills) / sizeof(*fills)))

START_TEST(quantiles_are_within_1_1_percent_of_the_sorted_values)
{
	for (int i = 0; i < SIZES; i++) {
		fills[_i](values, sizes[i]);
		check_quantiles(values, sizes[i], false);
	}
}
END_TEST

START_TEST(quantiles_stay_in_order_where_fine_and_coarse_rows_meet)
{
	struct ap_histogram h = {.coarse = true};
	ck_assert_int_eq(ap_histogram_add(&h, 1002, 60),
			 0); /* fine, the third of a group of four */
	ck_assert_int_eq(ap_histogram_add(&h, 1003, 40),
			 0); /* the whole group, from a coarse row */
	ck_assert(ap_histogram_quantile(&h, 0.5) <= ap_histogram_quantile(&h, 0.99));
	ap_histogram_clear(&h);
}
END_TEST

START_TEST(quantiles_of_coarse_rows_are_within_4_5_percent)
{
	for (int i = 0; i < SIZES; i++) {
		fills[_i](values, sizes[i]);
		check_quantiles(values, sizes[i], true);
	}
}
END_TEST

START_TEST(every_single_value_is_its_own_quantile)
{
	for (double ns = 1; ns < DAY_NS; ns = ceil(ns * 1.003)) {
		struct ap_histogram h = {0};
		ap_histogram_add(&h, ap_histogram_bucket_of_ns(ns), 1);
		ck_assert_double_le(fabs(ap_histogram_quantile(&h, 0.5) * 1e9 - ns), ns * WORST);
		ap_histogram_clear(&h);
	}
}
END_TEST

START_TEST(the_rank_is_that_of_the_decimal_quantile)
{
	/* 100 values, one a bucket: q 0.07 is the seventh, though 0.07 * 100 is above 7 in binary. */
	struct ap_histogram h = {0};
	for (uint32_t j = 1000; j < 1100; j++) {
		ap_histogram_add(&h, j, 1);
	}
	for (int percent = 1; percent <= 100; percent++) {
		const double middle = exp2((1000 + percent - 1 - AP_HIST_OFFSET - 0.5) / 32);
		ck_assert_double_eq_tol(ap_histogram_quantile(&h, percent / 100.0), middle,
					middle * 1e-12);
	}
	ap_histogram_clear(&h);
}
END_TEST

START_TEST(an_empty_histogram_has_quantile_zero)
{
	const struct ap_histogram h = {0};
	ck_assert_double_eq(ap_histogram_quantile(&h, 0.5), 0);
}
END_TEST

START_TEST(a_quantile_out_of_range_is_the_first_or_the_last_value)
{
	struct ap_histogram h = {0};
	ap_histogram_add(&h, 500, 1);
	ap_histogram_add(&h, 900, 1);
	ck_assert_double_eq(ap_histogram_quantile(&h, -1), ap_histogram_quantile(&h, 0.1));
	ck_assert_double_eq(ap_histogram_quantile(&h, NAN), ap_histogram_quantile(&h, 0.1));
	ck_assert_double_eq(ap_histogram_quantile(&h, 2), ap_histogram_quantile(&h, 1));
	ck_assert_double_lt(ap_histogram_quantile(&h, 0), ap_histogram_quantile(&h, 1));
	ap_histogram_clear(&h);
}
END_TEST

START_TEST(buckets_out_of_range_count_in_the_last_one)
{
	struct ap_histogram h = {0};
	ap_histogram_add(&h, AP_HIST_BUCKETS + 5, 2);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(ap_histogram_row(&h, AP_HIST_ROWS - 1)[AP_HIST_ROW_BUCKETS - 1], 2);
	ap_histogram_clear(&h);
	ck_assert_uint_eq(h.count, 0);
	ck_assert_ptr_null(ap_histogram_row(&h, AP_HIST_ROWS - 1));
}
END_TEST

#define PARTS 7

static void fill_parts(struct ap_histogram parts[PARTS])
{
	for (int i = 0; i < PARTS; i++) {
		parts[i].coarse = i == 3;
		for (int n = 0; n < 40 * i; n++) {
			ap_histogram_add(&parts[i], (uint32_t)(random_u64() % AP_HIST_BUCKETS),
					 random_u64() % 1000);
		}
	}
}

static void merge_in_random_order(struct ap_histogram *into, const struct ap_histogram parts[PARTS])
{
	int order[PARTS];
	for (int i = 0; i < PARTS; i++) {
		order[i] = i;
	}
	for (int i = PARTS - 1; i > 0; i--) {
		const int k = (int)(random_u64() % (uint64_t)(i + 1)), was = order[i];
		order[i] = order[k];
		order[k] = was;
	}
	for (int i = 0; i < PARTS; i++) {
		ck_assert_int_eq(ap_histogram_merge(into, &parts[order[i]]), 0);
	}
}

static void check_same_bytes(const struct ap_histogram *a, const struct ap_histogram *b)
{
	ck_assert_uint_eq(a->count, b->count);
	ck_assert_int_eq(a->coarse, b->coarse);
	ck_assert_uint_eq(a->present, b->present);
	for (uint32_t i = 0; i < AP_HIST_ROWS; i++) {
		const uint64_t *row = ap_histogram_row(a, i);
		if (row) {
			ck_assert_mem_eq(row, ap_histogram_row(b, i),
					 AP_HIST_ROW_BUCKETS * sizeof(*row));
		}
	}
}

START_TEST(merges_in_any_order_give_identical_bytes)
{
	struct ap_histogram parts[PARTS] = {0}, first = {0};
	uint64_t count = 0;

	fill_parts(parts);
	merge_in_random_order(&first, parts);
	for (int i = 0; i < PARTS; i++) {
		count += parts[i].count;
	}
	ck_assert_uint_eq(first.count, count);
	ck_assert(first.coarse);
	for (int i = 0; i < 100; i++) {
		struct ap_histogram other = {0};
		merge_in_random_order(&other, parts);
		check_same_bytes(&first, &other);
		ap_histogram_clear(&other);
	}
	for (int i = 0; i < PARTS; i++) {
		ap_histogram_clear(&parts[i]);
	}
	ap_histogram_clear(&first);
}
END_TEST

/* All but one, taken out of the whole, leave that one: also its rows. */
START_TEST(what_is_subtracted_leaves_the_rest)
{
	struct ap_histogram parts[PARTS] = {0}, whole = {0}, more = {0};

	fill_parts(parts);
	merge_in_random_order(&whole, parts);
	for (int i = 1; i < PARTS; i++) {
		ck_assert_int_eq(ap_histogram_subtract(&whole, &parts[i]), 0);
	}
	parts[0].coarse = true; /* as the whole was: that others were coarse is not forgotten */
	check_same_bytes(&whole, &parts[0]);
	ck_assert_int_eq(ap_histogram_add(&more, 700, 1u << 30), 0);
	ck_assert_int_eq(ap_histogram_merge(&more, &whole), 0);
	ck_assert_int_eq(ap_histogram_subtract(&whole, &more), 0);
	ck_assert_uint_eq(whole.count, 0);
	ck_assert_uint_eq(whole.present, 0);
	for (int i = 0; i < PARTS; i++) {
		ap_histogram_clear(&parts[i]);
	}
	ap_histogram_clear(&whole);
	ap_histogram_clear(&more);
}
END_TEST

static Suite *make_suite(void)
{
	const int n = (int)(sizeof(rates) / sizeof(*rates));
	Suite *suite = suite_create("histogram");
	TCase *index = tcase_create("index"), *quantile = tcase_create("quantile"),
	      *merge = tcase_create("merge");

	tcase_set_timeout(index, 60);
	tcase_set_timeout(quantile, 60);
	tcase_add_test(index, edges_are_powers_of_two_to_the_nth_of_32);
	tcase_add_loop_test(index, every_small_duration_has_the_bucket_of_its_logarithm, 0, n);
	tcase_add_loop_test(index, every_long_duration_has_the_bucket_of_its_logarithm, 0, n);
	tcase_add_loop_test(index, both_sides_of_every_bucket_edge_are_told_apart, 0, n);
	tcase_add_loop_test(index, buckets_never_fall_as_durations_grow, 0, n);
	tcase_add_test(index, a_duration_in_ns_has_the_bucket_that_its_ticks_have);
	tcase_add_loop_test(quantile, quantiles_are_within_1_1_percent_of_the_sorted_values, 0,
			    FILLS);
	tcase_add_test(quantile, quantiles_stay_in_order_where_fine_and_coarse_rows_meet);
	tcase_add_loop_test(quantile, quantiles_of_coarse_rows_are_within_4_5_percent, 0, FILLS);
	tcase_add_test(quantile, every_single_value_is_its_own_quantile);
	tcase_add_test(quantile, the_rank_is_that_of_the_decimal_quantile);
	tcase_add_test(quantile, an_empty_histogram_has_quantile_zero);
	tcase_add_test(quantile, a_quantile_out_of_range_is_the_first_or_the_last_value);
	tcase_add_test(merge, buckets_out_of_range_count_in_the_last_one);
	tcase_add_test(merge, what_is_subtracted_leaves_the_rest);
	tcase_add_test(merge, merges_in_any_order_give_identical_bytes);
	suite_add_tcase(suite, index);
	suite_add_tcase(suite, quantile);
	suite_add_tcase(suite, merge);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
