/* SPDX-License-Identifier: MIT */
/* patch/list.c - see list.h. */
#include "patch/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of all modules, each of another function. */
#define MOST_SITES                                                                                 \
	((AP_PATCH_MOST_BYTES - sizeof(struct ap_patch_list)) /                                    \
	 (sizeof(struct ap_patch_function) + sizeof(struct ap_patch_site)))

/* Return: -E2BIG: the program would not read it. */
static int make_room(struct ap_patch_listing *l, size_t sites)
{
	if (sites > MOST_SITES - l->sites_n) {
		return -E2BIG;
	}
	void *more = reallocarray(l->sites, l->sites_n + sites + 1, sizeof(*l->sites));
	if (!more) {
		return -ENOMEM;
	}
	l->sites = more;
	more = reallocarray(l->functions, l->functions_n + sites + 1, sizeof(*l->functions));
	if (!more) {
		return -ENOMEM;
	}
	l->functions = more;
	return 0;
}

static struct ap_patch_function *function_at(struct ap_patch_listing *l, uint64_t address)
{
	struct ap_patch_function *last = l->functions_n ? &l->functions[l->functions_n - 1] : NULL;

	if (!last || last->address != address) {
		last = &l->functions[l->functions_n++];
		*last = (struct ap_patch_function){.address = address, .first = l->sites_n};
	}
	return last;
}

/* Sites come by function. */
static void add_site(struct ap_patch_listing *l, const struct ap_site *site, uint64_t bias)
{
	struct ap_patch_site *to = &l->sites[l->sites_n];
	const bool slot = site->kind == AP_SITE_CALL_SLOT || site->kind == AP_SITE_JUMP_SLOT;

	function_at(l, site->function + bias)->sites++;
	*to = (struct ap_patch_site){.address = site->at + bias, .length = slot ? 6 : 5};
	memcpy(to->bytes, site->bytes, to->length);
	l->sites_n++;
}

/* They are moved. */
static int take_names(struct ap_patch_listing *l, struct ap_sites *from, uint64_t bias)
{
	void *foreign =
		reallocarray(l->foreign, l->foreign_n + from->foreign_n + 1, sizeof(*l->foreign));
	if (!foreign) {
		return -ENOMEM;
	}
	l->foreign = foreign;
	void *exports =
		reallocarray(l->exports, l->exports_n + from->exports_n + 1, sizeof(*l->exports));
	if (!exports) {
		return -ENOMEM;
	}
	l->exports = exports;
	for (size_t i = 0; i < from->foreign_n; i++) {
		l->foreign[l->foreign_n++] = from->foreign[i];
	}
	for (size_t i = 0; i < from->exports_n; i++) {
		l->exports[l->exports_n] = from->exports[i];
		l->exports[l->exports_n++].function += bias;
	}
	from->foreign_n = from->exports_n = 0;
	return 0;
}

int ap_patch_listing_add_names(struct ap_patch_listing *l, const char *path)
{
	struct ap_sites sites;

	if (ap_sites_find_names(path, &sites) < 0) {
		ap_patch_listing_miss(l);
		return 0;
	}
	const int e = take_names(l, &sites, 0);
	ap_sites_clear(&sites);
	return e;
}

void ap_patch_listing_miss(struct ap_patch_listing *l)
{
	l->blind = true;
}

int ap_patch_listing_add(struct ap_patch_listing *l, const char *path, uint64_t bias)
{
	struct ap_sites sites;

	if (ap_sites_find(path, &sites) < 0 || make_room(l, sites.n) < 0) {
		l->unread++;
		ap_sites_clear(&sites);
		return ap_patch_listing_add_names(l, path);
	}
	for (size_t i = 0; i < sites.n; i++) {
		add_site(l, &sites.sites[i], bias);
	}
	l->unfit += (uint32_t)sites.unfit;
	l->unread += sites.names_only;
	const int e = take_names(l, &sites, bias);
	ap_sites_clear(&sites);
	return e;
}

static int by_address(const void *a, const void *b)
{
	const struct ap_patch_function *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct ap_patch_function *find_function(struct ap_patch_listing *l, uint64_t address)
{
	const struct ap_patch_function key = {.address = address};

	return bsearch(&key, l->functions, l->functions_n, sizeof(key), by_address);
}

static bool is_foreign(const struct ap_patch_listing *l, const char *name)
{
	return l->blind || (l->foreign_n &&
			    bsearch(&name, l->foreign, l->foreign_n, sizeof(*l->foreign), by_name));
}

/* Functions that others may call hooks for: those would stay. */
static void drop_shared(struct ap_patch_listing *l)
{
	uint32_t n = 0;

	if (l->foreign_n) {
		qsort(l->foreign, l->foreign_n, sizeof(*l->foreign), by_name);
	}
	for (size_t i = 0; i < l->exports_n; i++) {
		struct ap_patch_function *f = find_function(l, l->exports[i].function);
		if (f && is_foreign(l, l->exports[i].name)) {
			f->sites = 0;
		}
	}
	for (uint32_t i = 0; i < l->functions_n; i++) {
		if (l->functions[i].sites) {
			l->functions[n++] = l->functions[i];
		}
	}
	l->unfit += l->functions_n - n;
	l->functions_n = n;
}

/* Of the functions that are left, in their order. */
static int gather_sites(struct ap_patch_listing *l)
{
	struct ap_patch_site *sites = calloc((size_t)l->sites_n + 1, sizeof(*sites));
	uint32_t n = 0;

	if (!sites) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < l->functions_n; i++) {
		struct ap_patch_function *f = &l->functions[i];
		memcpy(&sites[n], &l->sites[f->first], f->sites * sizeof(*sites));
		f->first = n;
		n += f->sites;
	}
	free(l->sites);
	l->sites = sites;
	l->sites_n = n;
	return 0;
}

int ap_patch_listing_write(struct ap_patch_listing *l, uint64_t spool_id, FILE *to)
{
	if (l->functions_n) {
		qsort(l->functions, l->functions_n, sizeof(*l->functions), by_address);
	}
	drop_shared(l);
	const int e = gather_sites(l);
	if (e < 0) {
		return e;
	}
	const struct ap_patch_list head = {
		.magic = AP_PATCH_MAGIC,
		.spool_id = spool_id,
		.functions = l->functions_n,
		.sites = l->sites_n,
		.unfit = l->unfit,
		.unread = l->unread,
	};
	const bool good =
		fwrite(&head, sizeof(head), 1, to) == 1 &&
		fwrite(l->functions, sizeof(*l->functions), l->functions_n, to) == l->functions_n &&
		fwrite(l->sites, sizeof(*l->sites), l->sites_n, to) == l->sites_n;
	return good && fflush(to) == 0 ? 0 : -EIO;
}

void ap_patch_listing_clear(struct ap_patch_listing *l)
{
	for (size_t i = 0; i < l->foreign_n; i++) {
		free(l->foreign[i]);
	}
	for (size_t i = 0; i < l->exports_n; i++) {
		free(l->exports[i].name);
	}
	free(l->foreign);
	free(l->exports);
	free(l->functions);
	free(l->sites);
	*l = (struct ap_patch_listing){0};
}
