/* SPDX-License-Identifier: MIT */
/* runtime/filter.c - which calls are left out. The names of an object are looked through once, when it is first seen; what
 * fold.c asks of a call is told by its address. Slow path. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/filter.h"

#define NAME_BYTES 512

/** ap_filter_start() - what the options say, into the spool. */
void ap_filter_start(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const struct ap_settings *s = &ap_runtime.settings;
	const bool by_name =
		s->filter[AP_FILTER_LIST_FILTER][0] || s->filter[AP_FILTER_LIST_NOTRACE][0];
	for (int list = 0; list < AP_FILTER_LISTS; list++) {
		const uint64_t n = ap_patterns_count(s->filter[list]);
		if (!n)
			continue;
		h->filter_names[list] = ap_space_text(c, s->filter[list]);
		h->filter_missed[list] = n < 64 ? (1ull << n) - 1 : UINT64_MAX;
		h->filters |= AP_FILTER_ON;
	}
	h->filter_depth = s->filter_depth;
	if (s->filter_depth)
		h->filters |= AP_FILTER_ON;
	if (s->filter[AP_FILTER_LIST_FILTER][0])
		h->filters |= AP_FILTER_ROOTS;
	if (by_name)
		h->filters |= AP_FILTER_BY_NAME;
}

/* --- names ---------------------------------------------------------------------------------------------- */

/* Patterns of @list that are a name of @symbol: the linkage name, that without the ".part.0" of the compiler, the
 * qualified name. */
static uint64_t match_names(const char *list, const char *symbol)
{
	char name[NAME_BYTES];
	size_t n = 0;
	uint64_t found = ap_patterns_match(list, symbol);
	while (symbol[n] && symbol[n] != '.' && n + 1 < sizeof name) {
		name[n] = symbol[n];
		n++;
	}
	name[n] = 0;
	if (symbol[n] == '.')
		found |= ap_patterns_match(list, name);
	if (ap_pattern_qualified(symbol, name, sizeof name))
		found |= ap_patterns_match(list, name);
	return found;
}

static uint32_t level_of(struct ap_spool_header *h, const char *symbol)
{
	static const uint8_t levels[] = {
		[AP_FILTER_LIST_FILTER] = AP_FILTER_IS_ROOT,
		[AP_FILTER_LIST_NOTRACE] = AP_FILTER_IS_NOTRACE,
	};
	uint32_t level = 0;
	for (uint32_t list = 0; list < sizeof levels; list++) {
		const uint64_t found = match_names(ap_runtime.settings.filter[list], symbol);
		if (found)
			level |= levels[list];
		__atomic_fetch_and(&h->filter_missed[list], ~found, __ATOMIC_RELAXED);
	}
	return level;
}

/* Into @ret[@most], when it is there. Return: how many there are. */
static uint32_t find_matches(struct ap_control *c, const struct ap_elf *elf, uint64_t bias,
			     uint64_t *ret, uint32_t most)
{
	uint32_t n = 0;
	for (uint64_t i = 0; i < elf->symbols_n; i++) {
		uint64_t value;
		const char *name = ap_elf_function(elf, i, &value);
		const uint32_t level = name ? level_of(c->header, name) : 0;
		if (!level)
			continue;
		if (ret && n < most)
			ret[n] = AP_FILTER_MATCH(bias + value, level);
		n++;
	}
	return n;
}

/* By steps that get smaller (Shell, with the gaps of Knuth). */
static void sort(uint64_t *values, uint32_t n)
{
	uint32_t gap = 1;
	while (gap < n / 3)
		gap = 3 * gap + 1;
	for (; gap > 0; gap /= 3) {
		for (uint32_t i = gap; i < n; i++) {
			const uint64_t value = values[i];
			uint32_t at = i;
			for (; at >= gap && values[at - gap] > value; at -= gap)
				values[at] = values[at - gap];
			values[at] = value;
		}
	}
}

static bool take_matches(struct ap_control *c, struct ap_module *module, const struct ap_elf *elf)
{
	const uint32_t n = find_matches(c, elf, module->bias, NULL, 0);
	if (!n)
		return true;
	const ap_ref ref = ap_space_alloc(c, n * sizeof(uint64_t));
	if (!ref)
		return false;
	find_matches(c, elf, module->bias, ap_at(c, ref), n);
	sort(ap_at(c, ref), n);
	module->matches = ref;
	module->matches_n = n;
	return true;
}

static bool map_file(const char *path, struct ap_elf *ret)
{
	struct stat st = {0};
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	long address = -1;
	if (ap_sys2(SYS_fstat, fd, &st) == 0 && st.st_size > 0)
		address = ap_sys6(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ap_sys1(SYS_close, fd);
	*ret = (struct ap_elf){.file = (const char *)address, .file_bytes = (uint64_t)st.st_size};
	return address > 0;
}

static void note_nameless(struct ap_control *c, const char *path)
{
	char text[512];
	struct ap_line line = {text, sizeof text, 0};
	ap_line_str(&line, "no filter by name applies to ");
	ap_line_str(&line, path);
	ap_line_str(&line, ": its names could not be read");
	ap_space_note(c, text);
}

static void match_functions(struct ap_control *c, struct ap_module *module, const char *path)
{
	struct ap_elf elf;
	if (!map_file(path, &elf)) {
		note_nameless(c, path);
		return;
	}
	if (!ap_elf_symbols(&elf) || !take_matches(c, module, &elf))
		note_nameless(c, path);
	ap_sys2(SYS_munmap, elf.file, elf.file_bytes);
}

/* @path as a whole, or the name of the file. */
static bool is_wanted(struct ap_spool_header *h, const char *path)
{
	const char *list = ap_runtime.settings.filter[AP_FILTER_LIST_MODULES];
	const char *base = path;
	for (const char *at = path; *at; at++)
		if (*at == '/')
			base = at + 1;
	const uint64_t found = ap_patterns_match(list, path) | ap_patterns_match(list, base);
	__atomic_fetch_and(&h->filter_missed[AP_FILTER_LIST_MODULES], ~found, __ATOMIC_RELAXED);
	return !*list || found;
}

void ap_filter_module(struct ap_control *c, struct ap_module *module, const char *path)
{
	struct ap_spool_header *h = c->header;
	if (!(h->filters & AP_FILTER_ON))
		return;
	if (!is_wanted(h, path))
		module->filter_level = AP_FILTER_IS_ELSEWHERE;
	if (h->filters & AP_FILTER_BY_NAME)
		match_functions(c, module, path);
}

/* --- calls ---------------------------------------------------------------------------------------------- */

/* Walks up: only when a call is seen for the first time at its place, or the cache forgot it. */
static struct ap_filter_place place_below(const struct ap_control *c, uint32_t parent)
{
	struct ap_filter_place place = {ap_node_at(c, parent)->function, 0};
	for (uint32_t id = parent; id > AP_ID_ROOT; id = ap_node_at(c, id)->parent) {
		const uint32_t function = ap_node_at(c, id)->function;
		if (function == AP_ID_DEEPER)
			place.above = AP_MAX_PATH_DEPTH;
		place.above += function >= AP_ID_FIRST;
	}
	return place;
}

uint32_t ap_filter_call(struct ap_control *c, uint32_t parent, uint64_t address, uint64_t ticks)
{
	const struct ap_spool_header *h = c->header;
	uint32_t level = 0;
	const struct ap_module *module = ap_module_at(c, ap_module_of(c, address, ticks));
	if (module)
		level = module->filter_level |
			ap_filter_level_in(ap_at(c, module->matches), module->matches_n, address);
	return ap_filter_verdict(h->filters, h->filter_depth, level, place_below(c, parent));
}
