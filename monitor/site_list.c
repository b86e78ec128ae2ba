/* SPDX-License-Identifier: MIT */
/* monitor/site_list.c - see site_list.h. The list appears as a whole or not at all. */
#include "monitor/site_list.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "monitor/guard.h"
#include "monitor/page.h"
#include "monitor/store.h"
#include "patch/list.h"
#include "profile/profile.h"
#include "spool/names.h"

#define MODULES_BYTES (1ull << 30) /* of memory, for files of modules */
#define MOST_S 20
#define MOST_READING_S 12 /* of these: then the list is written, without the code that is left */

enum outcome {
	LISTED = 0,
	NOTHING = 1,
	FAILED = 2,
};

/* The file may be another one by now: then what it says of hooks is of another program. */
static bool is_still_there(const struct ap_profile_module *module)
{
	struct stat st;
	const void *id = NULL;
	ssize_t bytes = 0;

	const int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return false;
	}
	Elf *elf = module->build_id_bytes ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	if (elf) {
		bytes = dwelf_elf_gnu_build_id(elf, &id);
	}
	const bool same = elf ? bytes == module->build_id_bytes &&
					  memcmp(id, module->build_id, (size_t)bytes) == 0
			      : fstat(fd, &st) == 0 && st.st_ino == module->inode &&
					  (uint64_t)st.st_size == module->file_bytes;
	elf_end(elf);
	close(fd);
	return same;
}

static bool is_listed(const struct ap_profile_module *module)
{
	return module->path && module->path[0] == '/' && !module->unload_ticks;
}

static int add_module(const struct ap_profile_module *module, struct ap_patch_listing *listing)
{
	if (!is_still_there(module)) {
		listing->unread++;
		ap_patch_listing_miss(listing);
		return 0;
	}
	if (clock() / CLOCKS_PER_SEC >= MOST_READING_S) {
		listing->unread++;
		return ap_patch_listing_add_names(listing, module->path);
	}
	return ap_patch_listing_add(listing, module->path, module->bias);
}

static int list_modules(const struct ap_profile *p, struct ap_patch_listing *listing)
{
	int e = 0;

	elf_version(EV_CURRENT);
	for (size_t i = 0; i < p->modules_n && e == 0; i++) {
		if (is_listed(&p->modules[i])) {
			e = add_module(&p->modules[i], listing);
		}
	}
	return e;
}

/* Of a line of /proc/PID/maps: the file whose code is there, or NULL. */
static char *code_of(char *line)
{
	const char *rights = strchr(line, ' ');
	char *path = strchr(line, '/');

	line[strcspn(line, "\n")] = 0;
	return rights && strnlen(rights, 5) == 5 && rights[3] == 'x' ? path : NULL;
}

/* By its place: names lead over links. */
static bool is_known(const struct ap_profile *p, uint64_t address)
{
	for (size_t i = 0; i < p->modules_n; i++) {
		const struct ap_profile_module *module = &p->modules[i];
		if (is_listed(module) && address >= module->start && address < module->end) {
			return true;
		}
	}
	return false;
}

/* Modules none of whose hooks was called yet: they may have some of other modules' functions. */
static int list_names(const struct ap_profile *p, const struct ap_profile_head *head,
		      struct ap_patch_listing *listing)
{
	char path[64], *line = NULL;
	size_t room = 0;
	int e = 0;

	snprintf(path, sizeof(path), "/proc/%u/maps", head->pid);
	FILE *maps = ap_profile_alive(head) ? fopen(path, "re") : NULL;
	if (!maps) {
		ap_patch_listing_miss(listing);
		return 0;
	}
	while (e == 0 && getline(&line, &room, maps) > 0) {
		const char *file = code_of(line);
		if (file && !is_known(p, strtoull(line, NULL, 16))) {
			e = ap_patch_listing_add_names(listing, file);
		}
	}
	free(line);
	fclose(maps);
	return e;
}

static int write_list(const struct ap_site_list *job, struct ap_patch_listing *listing,
		      uint64_t spool_id)
{
	unlink(job->temp); /* of somebody who was killed at it */
	FILE *to = fopen(job->temp, "wxe");
	if (!to) {
		return -errno;
	}
	int e = ap_patch_listing_write(listing, spool_id, to);
	return fclose(to) == 0 ? e : -EIO;
}

/* In the child. */
static int work(void *arg)
{
	const struct ap_site_list *job = arg;
	struct ap_patch_listing listing = {0};
	struct ap_profile_error error;
	struct ap_profile_head head;
	struct ap_profile *profile;

	if (ap_profile_head(job->spool, &head, &error) < 0 ||
	    ap_profile_open(job->spool, NULL, &profile, &error) < 0) {
		return FAILED;
	}
	int e = list_modules(profile, &listing);
	e = e < 0 ? e : list_names(profile, &head, &listing);
	const bool nothing = e == 0 && listing.sites_n == 0;
	if (e == 0 && !nothing) {
		e = write_list(job, &listing, head.spool_id);
	}
	ap_patch_listing_clear(&listing);
	ap_profile_free(profile);
	return e < 0 ? FAILED : nothing ? NOTHING : LISTED;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Return: 0 or what went wrong. */
static int begin(struct ap_site_list *list, const char *spool)
{
	const struct ap_guard_limits limits = {
		.extra_memory_bytes = ap_store_bytes(spool) * 4 + MODULES_BYTES,
		.cpu_s = MOST_S,
	};

	if (snprintf(list->spool, sizeof(list->spool), "%s", spool) >= (int)sizeof(list->spool) ||
	    ap_names_beside(list->to, sizeof(list->to), spool, AP_SITES_SUFFIX) < 0 ||
	    ap_names_beside(list->temp, sizeof(list->temp), spool, AP_LISTING_SUFFIX) < 0) {
		return -ENAMETOOLONG;
	}
	list->until_ms = now_ms() + MOST_S * 1000ll;
	const pid_t child = ap_guard_start(work, list, &limits);
	list->child = child > 0 ? child : 0;
	return child > 0 ? 0 : (int)child;
}

static void tell(struct ap_site_list *list, struct ap_spool_header *page, int outcome)
{
	list->child = 0;
	if (outcome == LISTED && rename(list->temp, list->to) < 0) {
		outcome = FAILED;
	}
	if (outcome != LISTED) {
		unlink(list->temp);
		ap_store_log(list->spool, "patch: %s",
			     outcome == NOTHING ? "no hook can be patched"
						: "no list of hooks could be made");
	}
	__atomic_store_n(&page->patch_state, outcome == LISTED ? AP_PATCH_LISTED : AP_PATCH_FAILED,
			 __ATOMIC_RELEASE);
}

bool ap_site_list_serve(struct ap_site_list *list, const char *spool, struct ap_spool_header *page)
{
	if (!list->child && ap_page_load(&page->patch_state) == AP_PATCH_WANTED &&
	    begin(list, spool) < 0) {
		tell(list, page, FAILED);
	}
	if (!list->child) {
		return false;
	}
	const int r = ap_guard_look(list->child, now_ms() > list->until_ms);
	if (r == -EAGAIN) {
		return true;
	}
	tell(list, page, r);
	return false;
}

void ap_site_list_cancel(struct ap_site_list *list)
{
	if (list->child) {
		(void)ap_guard_look(list->child, true);
		unlink(list->temp);
		list->child = 0;
	}
}
