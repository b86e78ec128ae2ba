/* SPDX-License-Identifier: MIT */
/* profile/file.c - see file.h. */
#include "profile/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/huge_pages.h"
#include "profile/reader.h"

/* A live program may hand out more while it is read. */
#define GROWTH_BYTES (1u << 20)

static int fail(struct ap_profile_error *error, int e, const char *what)
{
	ap_reader_fail(error, "%s: %s", what, strerror(-e));
	return e;
}

int ap_file_open(const char *path, int *ret_fd, uint64_t *ret_size, struct ap_profile_error *error)
{
	struct stat st;
	/* O_NONBLOCK: a fifo of that name must not hold us. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return fail(error, -errno, "cannot open it");
	}
	if (fstat(fd, &st) < 0) {
		const int e = -errno;
		close(fd);
		return fail(error, e, "cannot read it");
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return ap_reader_fail(error, "not an autoprof spool: not a regular file");
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

void ap_file_close(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

int ap_file_read(int fd, uint64_t at, void *ret, size_t n)
{
	char *to = ret;

	while (n > 0) {
		const ssize_t got = pread(fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got < 0 ? -errno : -EBADMSG;
		}
		to += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int read_or_fail(int fd, uint64_t at, void *ret, size_t n, struct ap_profile_error *error)
{
	const int e = ap_file_read(fd, at, ret, n);
	if (e == -EBADMSG) {
		return ap_reader_fail(error, "truncated spool: it ended while it was read");
	}
	return e < 0 ? fail(error, e, "cannot read it") : 0;
}

int ap_file_header(int fd, uint64_t size, struct ap_spool_header *ret,
		   struct ap_profile_error *error)
{
	unsigned char bytes[AP_HEADER_BYTES] = {0};
	const size_t n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
	const int e = read_or_fail(fd, 0, bytes, n, error);
	return e < 0 ? e : ap_header_check(bytes, size, ret, error);
}

/* The next stretch of data at or after @at; all of it where the file system cannot tell. */
static bool next_data(int fd, uint64_t at, uint64_t end, uint64_t *ret_from, uint64_t *ret_to)
{
	const off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0 && errno == ENXIO) {
		return false;
	}
	const off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	*ret_from = data < 0 ? at : (uint64_t)data;
	*ret_to = hole < 0 || (uint64_t)hole > end ? end : (uint64_t)hole;
	return *ret_from < *ret_to;
}

static int load_data(int fd, char *bytes, uint64_t size, struct ap_profile_error *error)
{
	uint64_t from, to = 0;
	int e = 0;

	while (e == 0 && to < size && next_data(fd, to, size, &from, &to)) {
		e = read_or_fail(fd, from, bytes + from, (size_t)(to - from), error);
	}
	return e;
}

int ap_file_load(int fd, uint64_t size, void **ret_bytes, size_t *ret_size,
		 struct ap_profile_error *error)
{
	struct ap_spool_header hdr;
	int e = ap_file_header(fd, size, &hdr, error);
	if (e < 0) {
		return e;
	}
	const uint64_t used = ap_header_used_bytes(&hdr);
	const uint64_t want = size - used > GROWTH_BYTES ? used + GROWTH_BYTES : size;
	/* Zeroed by the kernel, page by page as they are touched: holes cost nothing here either. */
	char *bytes = calloc(1, (size_t)want);
	if (!bytes) {
		return ap_reader_no_memory(error);
	}
	ap_advise_huge(bytes, (size_t)used);
	e = load_data(fd, bytes, want, error);
	if (e < 0) {
		free(bytes);
		return e;
	}
	*ret_bytes = bytes;
	*ret_size = (size_t)want;
	return 0;
}
