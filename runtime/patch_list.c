/* SPDX-License-Identifier: MIT */
/* runtime/patch_list.c - which hooks there are: read from the attendant's file (spool/patch.h). */
#include <fcntl.h>
#include <sys/mman.h>

#include "runtime/patch.h"
#include "runtime/sys.h"
#include "spool/names.h"

/* Whoever may write the directory may have written the file: nothing in it may lead out of it. */
static bool is_sound(const struct ap_patch_list *list, uint64_t bytes)
{
	if (list->magic != AP_PATCH_MAGIC || list->spool_id != ap_runtime.spool_id ||
	    bytes != sizeof *list + list->functions * sizeof(struct ap_patch_function) +
			     list->sites * sizeof(struct ap_patch_site))
		return false;
	const struct ap_patch_function *f = (const struct ap_patch_function *)(list + 1);
	for (uint32_t i = 0; i < list->functions; i++)
		if (f[i].first > list->sites || f[i].sites > list->sites - f[i].first)
			return false;
	return true;
}

static bool read_all(long fd, char *to, uint64_t bytes)
{
	while (bytes) {
		const long n = ap_sys3(SYS_read, fd, to, bytes);
		if (n <= 0)
			return false;
		to += n;
		bytes -= (uint64_t)n;
	}
	return true;
}

/* A copy: of a mapped file the next line may be another one than that which was checked. */
static struct ap_patch_list *read_copy(long fd)
{
	const long bytes = ap_sys3(SYS_lseek, fd, 0, 2 /* SEEK_END */);
	if (bytes < (long)sizeof(struct ap_patch_list) || bytes > AP_PATCH_MOST_BYTES ||
	    ap_sys3(SYS_lseek, fd, 0, 0) != 0)
		return NULL;
	const long at = ap_sys6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	struct ap_patch_list *list = (void *)at;
	if (read_all(fd, (char *)list, (uint64_t)bytes) && is_sound(list, (uint64_t)bytes))
		return list;
	ap_sys2(SYS_munmap, at, bytes);
	return NULL;
}

struct ap_patch_list *ap_patch_list_read(void)
{
	char path[sizeof ap_runtime.spool_path + 16];
	if (ap_names_beside(path, sizeof path, ap_runtime.spool_path, AP_SITES_SUFFIX) < 0)
		return NULL;
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	struct ap_patch_list *list = read_copy(fd);
	ap_sys1(SYS_close, fd);
	return list;
}

uint32_t ap_patch_list_find(const struct ap_patch *patch, uint64_t address)
{
	const uint32_t n = patch->list->functions;
	uint32_t from = 0, to = n;
	while (from < to) {
		const uint32_t middle = from + (to - from) / 2;
		if (ap_patch_listed(patch, middle)->address < address)
			from = middle + 1;
		else
			to = middle;
	}
	return from < n && ap_patch_listed(patch, from)->address == address ? from : n;
}
