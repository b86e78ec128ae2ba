/* SPDX-License-Identifier: MIT */
/* tests/integration/list_sites.c - "SITE FUNCTION EXIT KIND" of each hook of a module that could be patched in a process that has
 * the modules named behind it, too; and how many functions are listed of all, on the other output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patch/list.h"

static int make_list(char **modules, struct ap_patch_list **ret)
{
	struct ap_patch_listing listing = {0};
	char *bytes = NULL;
	size_t size;
	int e = 0;

	for (uint64_t i = 0; modules[i] && e == 0; i++)
		e = ap_patch_listing_add(&listing, modules[i], i << 40);
	FILE *to = open_memstream(&bytes, &size);
	e = e < 0 ? e : ap_patch_listing_write(&listing, 0, to);
	fclose(to);
	ap_patch_listing_clear(&listing);
	*ret = (struct ap_patch_list *)bytes;
	return e;
}

static int is_listed(const struct ap_patch_list *list, uint64_t function)
{
	const struct ap_patch_function *functions = (const void *)(list + 1);

	for (uint32_t i = 0; i < list->functions; i++)
		if (functions[i].address == function)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct ap_patch_list *list = NULL;
	struct ap_sites sites = {0};
	int e = argc > 1 ? make_list(argv + 1, &list) : -1;

	e = e < 0 ? e : ap_sites_find(argv[1], &sites);
	if (e < 0) {
		fprintf(stderr, "%s\n", strerror(-e));
		return 1;
	}
	for (size_t i = 0; i < sites.n; i++)
		if (is_listed(list, sites.sites[i].function))
			printf("%lx %lx %d %d\n", sites.sites[i].at, sites.sites[i].function,
			       sites.sites[i].exit, sites.sites[i].kind);
	fprintf(stderr, "%u listed, %u unfit, %u modules unread\n", list->functions, list->unfit,
		list->unread);
	ap_sites_clear(&sites);
	free(list);
	return 0;
}
