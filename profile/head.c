/* SPDX-License-Identifier: MIT */
/* profile/head.c - who writes a spool, and is that process still there? */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/file.h"
#include "profile/reader.h"

/* The program's name: cut to the room there is; unreadable is empty. */
static void read_exe(int fd, const struct ap_text *exe, struct ap_profile_head *ret)
{
	const size_t room = sizeof(ret->exe) - 1;
	const size_t n = exe->bytes < room ? exe->bytes : room;

	if (exe->ref && ap_file_read(fd, (uint64_t)exe->ref * AP_REF_UNIT, ret->exe, n) < 0) {
		memset(ret->exe, 0, sizeof(ret->exe));
	}
}

int ap_profile_head(const char *path, struct ap_profile_head *ret, struct ap_profile_error *error)
{
	struct ap_spool_header hdr;
	uint64_t size;
	int fd = -1;

	int e = ap_file_open(path, &fd, &size, error);
	if (e == 0) {
		e = ap_file_header(fd, size, &hdr, error);
	}
	if (e == 0) {
		ap_header_head(&hdr, ret);
		read_exe(fd, &hdr.exe, ret);
	}
	ap_file_close(fd);
	return e;
}

/* Of hostile length: what does not fit is not taken. */
static void read_text(int fd, const struct ap_text *text, char *ret, size_t room)
{
	memset(ret, 0, room);
	if (text->ref && text->bytes < room &&
	    ap_file_read(fd, (uint64_t)text->ref * AP_REF_UNIT, ret, text->bytes) < 0) {
		memset(ret, 0, room);
	}
}

int ap_profile_wishes(const char *path, struct ap_profile_wishes *ret,
		      struct ap_profile_error *error)
{
	struct ap_spool_header hdr;
	uint64_t size;
	int fd = -1;

	int e = ap_file_open(path, &fd, &size, error);
	if (e == 0) {
		e = ap_file_header(fd, size, &hdr, error);
	}
	if (e == 0) {
		read_text(fd, &hdr.output, ret->output, sizeof(ret->output));
		read_text(fd, &hdr.cwd, ret->cwd, sizeof(ret->cwd));
	}
	ap_file_close(fd);
	return e;
}

/* Return: what /proc told, NUL-terminated, in @ret; false when it is not there. */
static bool read_proc(const char *path, char *ret, size_t room)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	const ssize_t n = read(fd, ret, room - 1);
	close(fd);
	ret[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* The 32 digits of a UUID; a system that tells none, or a spool without one, is taken to be the same. */
static bool same_boot(const uint8_t id[16])
{
	static const uint8_t unknown[16];
	char text[64], digits[33] = "", *end;
	size_t n = 0;

	if (memcmp(id, unknown, sizeof(unknown)) == 0 ||
	    !read_proc("/proc/sys/kernel/random/boot_id", text, sizeof(text))) {
		return true;
	}
	for (const char *c = text; *c && n < sizeof(digits) - 1; c++) {
		if (*c != '-') {
			digits[n++] = *c;
		}
	}
	for (int i = 0; i < 16; i++) {
		const char byte[3] = {digits[2 * i], digits[2 * i + 1], 0};
		if (strtoul(byte, &end, 16) != id[i]) {
			return false;
		}
	}
	return true;
}

/* Fields 3, 20 and 22 of /proc/PID/stat; the name in field 2 may hold anything, also ')'. */
static bool parse_stat(const char *text, char *state, unsigned long *threads, uint64_t *start)
{
	const char *after = strrchr(text, ')');
	return after && sscanf(after,
			       ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			       "%*d %*d %lu %*d %" SCNu64,
			       state, threads, start) == 3;
}

bool ap_profile_alive(const struct ap_profile_head *head)
{
	char path[32], text[1024], state;
	unsigned long threads;
	uint64_t start;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", head->pid);
	if (!same_boot(head->boot_id) || !read_proc(path, text, sizeof(text)) ||
	    !parse_stat(text, &state, &threads, &start)) {
		return false;
	}
	if (head->proc_start && head->proc_start != start) {
		return false; /* the pid went to another process */
	}
	/* A zombie that still has threads is a process whose main thread has left. */
	return (state != 'Z' && state != 'X') || threads > 1;
}
