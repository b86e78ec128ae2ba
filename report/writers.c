/* SPDX-License-Identifier: MIT */
/* report/writers.c - the file formats of a report. Another one is a file and a row. */
#include <string.h>

#include "report/report.h"

static const struct ap_writer *const writers[] = {&ap_writer_text, &ap_writer_json};

const struct ap_writer *ap_writer_for(const char *path)
{
	const size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		const size_t n = strlen(writers[i]->extension);
		if (length >= n && strcmp(path + length - n, writers[i]->extension) == 0)
			return writers[i];
	}
	return NULL;
}
