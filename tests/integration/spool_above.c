/* SPDX-License-Identifier: MIT */
/* spool-above SPOOL NS - of the function with most calls: "CALLS ABOVE FOLDS", where ABOVE is how many calls took longer
 * than NS, by the histogram. Reports have quantiles only, and a test asks for the tail. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/profile.h"

static const struct ap_profile_function *most_called(const struct ap_profile *profile)
{
	const struct ap_profile_function *most = &profile->functions[0];
	for (size_t i = 1; i < profile->functions_n; i++) {
		if (profile->functions[i].calls > most->calls)
			most = &profile->functions[i];
	}
	return most;
}

static uint64_t above(const struct ap_histogram *histogram, double ns)
{
	const uint32_t edge = ap_histogram_bucket_of_ns(ns);
	uint64_t n = 0;
	for (uint32_t j = edge + 1; j < AP_HIST_ROWS * AP_HIST_ROW_BUCKETS; j++) {
		const uint64_t *row = ap_histogram_row(histogram, j / AP_HIST_ROW_BUCKETS);
		n += row ? row[j % AP_HIST_ROW_BUCKETS] : 0;
	}
	return n;
}

int main(int argc, char **argv)
{
	struct ap_profile *profile;
	struct ap_profile_error error;

	if (argc != 3) {
		fprintf(stderr, "usage: spool-above SPOOL NS\n");
		return 2;
	}
	if (ap_profile_open(argv[1], NULL, &profile, &error) < 0) {
		fprintf(stderr, "spool-above: %s\n", error.text);
		return 2;
	}
	const struct ap_profile_function *function = most_called(profile);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", function->calls,
	       above(&function->total, atof(argv[2])), profile->quality.folds);
	ap_profile_free(profile);
	return 0;
}
