/* SPDX-License-Identifier: MIT */
/* monitor/watch.c - see watch.h. */
#include "monitor/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/pidfd.h of the kernels that we build on does not have these yet (6.13, EXIT 6.15). */
struct pidfd_info_v0 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code; /* as of wait() */
};
_Static_assert(sizeof(struct pidfd_info_v0) == 64, "the kernel's PIDFD_INFO_SIZE_VER0");
#define INFO_EXIT (1ull << 3)
#define GET_INFO _IOWR(0xFF, 11, struct pidfd_info_v0)

int ap_watch_open(const struct ap_profile_head *head)
{
	const int fd = (int)syscall(SYS_pidfd_open, (pid_t)head->pid, 0u);

	if (fd < 0) {
		return -errno;
	}
	/* Asked after the open: from here on the pid cannot become another's without our
	 * knowing. Where /proc is not mounted there is nothing to ask. */
	if (access("/proc/self/stat", F_OK) == 0 && !ap_profile_alive(head)) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

/* The blank before field @n (4 and up) of a stat line, counted from the ')' that ends the name;
 * or NULL. */
static const char *stat_field(const char *stat, int n)
{
	const char *at = strrchr(stat, ')');

	for (int field = 2; at && field < n; field++) {
		at = strchr(at + 1, ' ');
	}
	return at;
}

#define STAT_STATE 3
#define STAT_START 22
#define STAT_EXIT 52

static bool zombie_status(const struct ap_profile_head *head, int *ret)
{
	char path[64], stat[2048];

	snprintf(path, sizeof(path), "/proc/%u/stat", head->pid);
	FILE *file = fopen(path, "re");
	if (!file) {
		return false;
	}
	stat[fread(stat, 1, sizeof(stat) - 1, file)] = 0;
	fclose(file);
	const char *state = stat_field(stat, STAT_STATE);
	const char *start = stat_field(stat, STAT_START);
	const char *status = stat_field(stat, STAT_EXIT);
	if (!status || (state[1] != 'Z' && state[1] != 'X')) {
		return false;
	}
	if (head->proc_start && strtoull(start, NULL, 10) != head->proc_start) {
		return false;
	}
	*ret = atoi(status);
	return true;
}

static bool reaped_status(int pidfd, int *ret)
{
	struct pidfd_info_v0 info = {.mask = INFO_EXIT};

	if (pidfd < 0 || ioctl(pidfd, GET_INFO, &info) < 0 || !(info.mask & INFO_EXIT)) {
		return false;
	}
	*ret = info.exit_code;
	return true;
}

void ap_watch_end(int pidfd, const struct ap_profile_head *head, struct ap_profile_known_end *ret)
{
	/* In this order: whoever was reaped between the two questions answers the second. */
	ret->known =
		zombie_status(head, &ret->wait_status) || reaped_status(pidfd, &ret->wait_status);
}

int ap_watch_maps(pid_t pid, const char *file_name)
{
	char path[64];
	char *line = NULL;
	size_t room = 0;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file) {
		return -errno;
	}
	while (!found && getline(&line, &room, file) > 0) {
		found = strstr(line, file_name) != NULL;
	}
	found = !found && ferror(file) ? -EIO : found;
	free(line);
	fclose(file);
	return found;
}
