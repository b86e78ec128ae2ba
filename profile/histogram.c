/* SPDX-License-Identifier: MIT */
/* profile/histogram.c - histograms of the model: add, merge, quantiles.
 *
 * A row exists when, and only when, something was counted in it: so merges in any order end in the same
 * rows with the same bytes. */
#include "profile/profile.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a coarse bucket holds, in fine ones; its counts stand in the last of them. */
#define COARSE_FINE 4u

/* Where row @i is among those that are there, or would be. */
static uint32_t place_of(const struct ap_histogram *h, uint32_t i)
{
	return (uint32_t)__builtin_popcountll(h->present & ((UINT64_C(1) << i) - 1));
}

static int make_row(struct ap_histogram *h, uint32_t i)
{
	const uint32_t n = (uint32_t)__builtin_popcountll(h->present);
	const uint32_t place = place_of(h, i);
	void *rows = reallocarray(h->rows, n + 1, sizeof(*h->rows));
	if (!rows) {
		return -ENOMEM;
	}
	h->rows = rows;
	memmove(h->rows[place + 1], h->rows[place], (n - place) * sizeof(*h->rows));
	memset(h->rows[place], 0, sizeof(*h->rows));
	h->present |= UINT64_C(1) << i;
	return 0;
}

const uint64_t *ap_histogram_row(const struct ap_histogram *h, uint32_t i)
{
	return h->present >> i & 1 ? h->rows[place_of(h, i)] : NULL;
}

int ap_histogram_add(struct ap_histogram *h, uint32_t j, uint64_t n)
{
	if (n == 0) {
		return 0;
	}
	if (j >= AP_HIST_BUCKETS) {
		j = AP_HIST_BUCKETS - 1;
	}
	const uint32_t i = j / AP_HIST_ROW_BUCKETS;
	if (!(h->present >> i & 1) && make_row(h, i) < 0) {
		return -ENOMEM;
	}
	h->rows[place_of(h, i)][j % AP_HIST_ROW_BUCKETS] += n;
	h->count += n;
	return 0;
}

int ap_histogram_merge(struct ap_histogram *into, const struct ap_histogram *from)
{
	int e = 0;

	into->coarse |= from->coarse;
	for (uint32_t j = 0; j < AP_HIST_BUCKETS && e == 0; j++) {
		const uint64_t *row = ap_histogram_row(from, j / AP_HIST_ROW_BUCKETS);
		if (!row) {
			j |= AP_HIST_ROW_BUCKETS - 1;
			continue;
		}
		e = ap_histogram_add(into, j, row[j % AP_HIST_ROW_BUCKETS]);
	}
	return e;
}

int ap_histogram_subtract(struct ap_histogram *whole, const struct ap_histogram *part)
{
	struct ap_histogram left = {.coarse = whole->coarse};
	int e = 0;

	for (uint32_t j = 0; j < AP_HIST_BUCKETS && e == 0; j++) {
		const uint32_t i = j / AP_HIST_ROW_BUCKETS, k = j % AP_HIST_ROW_BUCKETS;
		const uint64_t *row = ap_histogram_row(whole, i), *less = ap_histogram_row(part, i);
		if (!row) {
			j |= AP_HIST_ROW_BUCKETS - 1;
			continue;
		}
		const uint64_t n = less ? less[k] : 0;
		e = ap_histogram_add(&left, j, row[k] > n ? row[k] - n : 0);
	}
	ap_histogram_clear(e < 0 ? &left : whole);
	if (e == 0) {
		*whole = left;
	}
	return e;
}

/* The geometric middle of bucket @j, in seconds. In a histogram with coarse rows, the last of four fine
 * buckets may hold the counts of all four: the middle of the four is off by at most 2^(2/32) either way. */
static double middle(const struct ap_histogram *h, uint32_t j)
{
	if (j == 0) {
		return 0;
	}
	/* Counts of fine and of coarse rows may stand side by side: all take the middle of the coarse bucket, or a
	 * higher rank could have the lower value. */
	if (h->coarse) {
		j |= COARSE_FINE - 1;
	}
	const double below_edge = h->coarse ? COARSE_FINE / 2.0 : 0.5;
	return exp2(((double)j - AP_HIST_OFFSET - below_edge) / AP_HIST_ROW_BUCKETS);
}

/* ceil(q*n) within 1..n. q is the nearest double of a decimal number: 0.07 * 100 must not become 8. */
static uint64_t rank_of(double q, uint64_t n)
{
	const long double rank = ceill((long double)q * n * (1 - 2 * (long double)DBL_EPSILON));
	if (!(rank >= 1)) {
		return 1;
	}
	return rank >= (long double)n ? n : (uint64_t)rank;
}

double ap_histogram_quantile(const struct ap_histogram *h, double q)
{
	if (h->count == 0) {
		return 0;
	}
	uint64_t left = rank_of(q, h->count);
	uint32_t last = 0;
	for (uint32_t i = 0; i < AP_HIST_ROWS; i++) {
		const uint64_t *row = ap_histogram_row(h, i);
		for (uint32_t k = 0; row && k < AP_HIST_ROW_BUCKETS; k++) {
			const uint32_t j = i * AP_HIST_ROW_BUCKETS + k;
			const uint64_t n = row[k];
			if (n >= left) {
				return middle(h, j);
			}
			left -= n;
			last = n ? j : last;
		}
	}
	return middle(h, last); /* a sum that wrapped: only in a hostile file */
}

void ap_histogram_clear(struct ap_histogram *h)
{
	free(h->rows);
	*h = (struct ap_histogram){0};
}

uint32_t ap_histogram_bucket_of_ns(double ns)
{
	if (!(ns > 0)) {
		return 0;
	}
	/* Divided, not multiplied by 1e-9: powers of two of a second stay exact, on their upper edges. */
	const long double j = ceill(AP_HIST_ROW_BUCKETS * log2l(ns / 1e9L)) + AP_HIST_OFFSET;
	if (j <= 0) {
		return 0;
	}
	return j < AP_HIST_BUCKETS ? (uint32_t)j : AP_HIST_BUCKETS - 1;
}
