/* SPDX-License-Identifier: MIT */
/* monitor/reset.c - see reset.h. The copy appears as a whole or not at all. */
#include "monitor/reset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/names.h"

#define COPY_BYTES (64 << 10)

static int write_at(int fd, const char *bytes, size_t n, off_t at)
{
	while (n > 0) {
		const ssize_t done = pwrite(fd, bytes, n, at);
		if (done <= 0) {
			return done < 0 ? -errno : -EIO;
		}
		bytes += done;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_data(int in, int out, off_t from, off_t to)
{
	char bytes[COPY_BYTES];

	while (from < to) {
		const off_t most = to - from < COPY_BYTES ? to - from : COPY_BYTES;
		const ssize_t n = pread(in, bytes, (size_t)most, from);
		if (n <= 0) {
			return n < 0 ? -errno : -EIO;
		}
		const int e = write_at(out, bytes, (size_t)n, from);
		if (e < 0) {
			return e;
		}
		from += n;
	}
	return 0;
}

/* Holes stay holes; in order, as readers read: the program counts on. */
static int copy(int in, int out)
{
	struct stat st;
	off_t to = 0;
	int e = 0;

	if (fstat(in, &st) < 0 || ftruncate(out, st.st_size) < 0) {
		return -errno;
	}
	while (e == 0 && to < st.st_size) {
		const off_t from = lseek(in, to, SEEK_DATA);
		if (from < 0) {
			return errno == ENXIO ? 0 : -errno;
		}
		to = lseek(in, from, SEEK_HOLE);
		e = to < 0 ? -errno : copy_data(in, out, from, to);
	}
	return e;
}

int ap_reset(const char *spool)
{
	char to[PATH_MAX], temp[PATH_MAX + 16];

	int e = ap_names_beside(to, sizeof(to), spool, AP_RESET_SUFFIX);
	if (e < 0) {
		return e;
	}
	snprintf(temp, sizeof(temp), "%s.%d", to, (int)getpid());
	const int in = open(spool, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0) {
		return -errno;
	}
	const int out = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	e = out < 0 ? -errno : copy(in, out);
	close(in);
	if (out < 0) {
		return e;
	}
	close(out);
	if (e == 0 && rename(temp, to) < 0) {
		e = -errno;
	}
	if (e < 0) {
		unlink(temp);
	}
	return e;
}
