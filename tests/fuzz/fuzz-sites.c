/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz-sites.c - libFuzzer target: no module whatever makes the search for hooks read what is not there, or list an
 * instruction that cannot be patched. Most changes hit code, tables and relocations: they make up most of a file. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "patch/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds) {
		abort();
	}
}

static void judge(const char *path)
{
	struct ap_sites sites;

	if (ap_sites_find(path, &sites) < 0) {
		return;
	}
	for (size_t i = 0; i < sites.n; i++) {
		const struct ap_site *site = &sites.sites[i];
		const int slot = site->kind == AP_SITE_CALL_SLOT || site->kind == AP_SITE_JUMP_SLOT;
		must(ap_patch_first_byte(site->bytes, slot ? 6 : 5) != 0);
		must(i == 0 || sites.sites[i - 1].function < site->function ||
		     sites.sites[i - 1].at < site->at);
	}
	ap_sites_clear(&sites);
}

/* With itself as a second module, elsewhere, and as one that has not called a hook yet. */
static void list_twice(const char *path)
{
	struct ap_patch_listing listing = {0};
	char *bytes = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&bytes, &size);

	must(to != NULL);
	if (ap_patch_listing_add(&listing, path, 0) == 0 &&
	    ap_patch_listing_add(&listing, path, 1ull << 40) == 0 &&
	    ap_patch_listing_add_names(&listing, path) == 0) {
		must(ap_patch_listing_write(&listing, 1, to) == 0);
	}
	fclose(to);
	free(bytes);
	ap_patch_listing_clear(&listing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	const int fd = memfd_create("module", MFD_CLOEXEC);

	must(fd >= 0);
	must(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	judge(path);
	list_twice(path);
	close(fd);
	return 0;
}
