/* SPDX-License-Identifier: MIT */
/* spool-gaps SPOOL - how many ns all threads together spent in folds and other work of the library: time that is in no
 * function's figures. Reports do not say it, but a test that measures the functions itself needs to know. */
#include <inttypes.h>
#include <stdio.h>

#include "profile/file.h"
#include "profile/reader.h"

static int (*const steps[])(struct ap_reader *) = {
	ap_reader_header,  ap_reader_tables, ap_reader_counters,
	ap_reader_threads, ap_reader_fibers, ap_reader_pending,
};

/* Static, as is all that the reader allocates: it ends with us. */
static struct ap_profile profile;
static struct ap_profile_error error;
static struct ap_reader reader = {.profile = &profile, .error = &error};

static int read_threads(const char *path)
{
	void *bytes = NULL;
	size_t bytes_n;
	uint64_t size;
	int fd = -1;

	int e = ap_file_open(path, &fd, &size, &error);
	if (e == 0)
		e = ap_file_load(fd, size, &bytes, &bytes_n, &error);
	if (e == 0)
		ap_input_init(&reader.in, bytes, bytes_n);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && e == 0; i++)
		e = steps[i](&reader);
	return e;
}

int main(int argc, char **argv)
{
	uint64_t ticks = 0;

	if (argc != 2 || read_threads(argv[1]) < 0) {
		fprintf(stderr, "spool-gaps SPOOL: %s\n", error.text);
		return 2;
	}
	for (size_t i = 0; i < profile.threads_n; i++)
		ticks += reader.threads[i].fold.gap_ticks;
	printf("%" PRIu64 "\n", ap_reader_duration(&reader, ticks));
	return 0;
}
