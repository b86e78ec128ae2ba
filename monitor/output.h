/* SPDX-License-Identifier: MIT */
/* monitor/output.h - the files that reports become: their names, and how they get there whole.
 *
 * A report appears under its name at once and complete, never over another file, readable by
 * its owner only. */
#ifndef AP_MONITOR_OUTPUT_H
#define AP_MONITOR_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** What stands for the % of a pattern. */
struct ap_output_names {
	const char *exe;	/* path or name: %e is its last part */
	const char *host;	/* %h */
	uint32_t pid;		/* %p */
	uint64_t start_unix_ns; /* %t: UTC, as 20260131T142501Z */
};

/** ap_output_next() - copy the first of a comma separated list to @ret, empty ones left out.
 * Return: where the rest begins; NULL when there was none. One that is too long is cut. */
const char *ap_output_next(const char *list, char *ret, size_t size);

/** ap_output_expand() - fill in %e %p %t %h %%; another %x stays as it is; bytes of names that a
 * file name should not have become '_'. Return: 0 or -ENAMETOOLONG. */
int ap_output_expand(const char *pattern, const struct ap_output_names *names, char *ret,
		     size_t size);

/** ap_output_numbered() - the @n-th choice for @path: itself for 1; from 2 on ".n" before the
 * extension when it is one of a report's, else at the end. Return: 0 or -ENAMETOOLONG. */
int ap_output_numbered(const char *path, unsigned n, char *ret, size_t size);

/** A file on its way. Zeroed: none. */
struct ap_output {
	FILE *stream;
	int dir_fd;
	bool device; /* a character device is written to directly */
	bool named;  /* the file has the name `temp`; else none yet */
	char temp[64];
	char name[256]; /* wanted, without directory */
	char dir[4096];
};

/**
 * ap_output_open() - begin a file that will be called @path
 * @cwd: what a relative @path is relative to; NULL: our own
 *
 * Return: 0 or the errno. Finish with ap_output_commit() or ap_output_abandon(). */
int ap_output_open(const char *path, const char *cwd, struct ap_output *ret);
/** ap_output_commit() - give the file its name, or the first numbered one that is free; @ret
 * gets the path.
 * Return: 0 or the errno of what was lost; the output is finished in any case. */
int ap_output_commit(struct ap_output *output, char *ret, size_t size);
/** ap_output_abandon() - leave nothing behind. Takes zeroed objects. */
void ap_output_abandon(struct ap_output *output);

#endif
