/* SPDX-License-Identifier: MIT */
/* runtime/modules.c - which loaded object an address belongs to, and since when.
 *
 * An address not seen before asks _dl_find_object, which is lock-free and signal-safe. Objects are entered
 * once; dlclose (wrapped) marks them unloaded, because their addresses will be used again. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

static struct ap_module *module_at(const struct ap_control *c, uint32_t id)
{
	const ap_ref *blocks = ap_at(c, c->header->module_blocks);
	struct ap_module *block = ap_at(c, blocks[id / AP_MODULES_PER_BLOCK]);
	return block + id % AP_MODULES_PER_BLOCK;
}

/* When a module comes and goes is written by one thread at a time, and read by any: unload_ticks last and first. Who
 * reads in between finds no life that a time is in, and asks again as the one that may write. */
static uint64_t unloaded_at(const struct ap_module *module)
{
	return __atomic_load_n(&module->unload_ticks, __ATOMIC_ACQUIRE);
}

static uint64_t life_until(const struct ap_module *module, uint64_t ticks)
{
	const uint64_t unload = unloaded_at(module);
	return ap_module_until(unload, __atomic_load_n(&module->absent_from, __ATOMIC_RELAXED),
			       __atomic_load_n(&module->absent_to, __ATOMIC_RELAXED), ticks);
}

static void come_back(struct ap_module *module, uint64_t place_free)
{
	__atomic_store_n(&module->absent_to, place_free, __ATOMIC_RELAXED);
	__atomic_store_n(&module->absent_from, unloaded_at(module), __ATOMIC_RELAXED);
	__atomic_store_n(&module->unload_ticks, 0, __ATOMIC_RELEASE);
}

static struct ap_module *new_module(struct ap_control *c, uint32_t *ret_id)
{
	const uint32_t id = __atomic_load_n(&c->header->modules, __ATOMIC_ACQUIRE);
	if (id >= AP_MAX_MODULES)
		return NULL;
	ap_ref *block = (ap_ref *)ap_at(c, c->header->module_blocks) + id / AP_MODULES_PER_BLOCK;
	if (!*block) {
		const ap_ref made =
			ap_space_alloc(c, AP_MODULES_PER_BLOCK * sizeof(struct ap_module));
		if (!made)
			return NULL;
		__atomic_store_n(block, made, __ATOMIC_RELEASE);
	}
	*ret_id = id;
	return module_at(c, id);
}

/* Notes are aligned to 4 in files of all compilers that we know; NT_GNU_BUILD_ID of owner "GNU". */
static void find_build_id(struct ap_module *module, const char *notes, uint64_t bytes)
{
	while (bytes >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)notes;
		const uint64_t name = (note->n_namesz + 3ull) & ~3ull,
			       desc = (note->n_descsz + 3ull) & ~3ull;
		const uint8_t *id = (const uint8_t *)notes + sizeof *note + name;
		if (sizeof *note + name + desc > bytes)
			return;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    note->n_descsz <= 20) {
			module->build_id_bytes = (uint8_t)note->n_descsz;
			for (uint32_t i = 0; i < note->n_descsz; i++)
				module->build_id[i] = id[i];
			return;
		}
		notes += sizeof *note + name + desc;
		bytes -= sizeof *note + name + desc;
	}
}

/* The program headers are read where they are mapped: at the start of the object's first segment. */
static void read_headers(struct ap_module *module)
{
	const ElfW(Ehdr) *elf = (const void *)module->start;
	const ElfW(Phdr) *segments = (const void *)((const char *)elf + sizeof *elf);
	if (elf->e_ident[0] != 0x7f || elf->e_ident[1] != 'E' || elf->e_phoff != sizeof *elf)
		return;
	for (uint32_t i = 0; i < elf->e_phnum; i++) {
		const uint64_t at = module->bias + segments[i].p_vaddr;
		if (segments[i].p_type == PT_NOTE && !module->build_id_bytes &&
		    at >= module->start && at + segments[i].p_memsz <= module->end)
			find_build_id(module, (const char *)at, segments[i].p_memsz);
	}
}

static void read_file_identity(struct ap_module *module, const char *path)
{
	struct stat st;
	if (ap_sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) < 0)
		return;
	module->device = st.st_dev;
	module->inode = st.st_ino;
	module->file_bytes = (uint64_t)st.st_size;
}

/* The main program has no name in its link map; a relative one is relative to where we are. */
static void set_path(struct ap_control *c, struct ap_module *module, const char *name)
{
	char path[4096];
	if (!name || !name[0]) {
		name = ap_runtime.exe;
	} else if (name[0] != '/' && ap_sys2(SYS_getcwd, path, sizeof path - 1) > 0) {
		struct ap_line line = {path, sizeof path, ap_strlen(path)};
		ap_line_str(&line, "/");
		ap_line_str(&line, name);
		name = path;
	}
	module->path = ap_space_text(c, name);
	read_file_identity(module, name);
	ap_filter_module(c, module, name);
}

static bool same_object(const struct ap_module *a, const struct ap_module *b)
{
	if (a->start != b->start || a->end != b->end || a->bias != b->bias || !a->build_id_bytes ||
	    a->build_id_bytes != b->build_id_bytes)
		return false;
	for (uint32_t i = 0; i < a->build_id_bytes; i++)
		if (a->build_id[i] != b->build_id[i])
			return false;
	return true;
}

/* When something else was last unloaded from the place that @module has now. Calls may be older than their first fold:
 * this is all that is known of when it came. */
static uint64_t place_free_since(const struct ap_control *c, const struct ap_module *module)
{
	const uint32_t n = __atomic_load_n(&c->header->modules, __ATOMIC_ACQUIRE);
	uint64_t since = unloaded_at(module);
	for (uint32_t id = 0; id < n; id++) {
		const struct ap_module *other = module_at(c, id);
		const uint64_t unload = unloaded_at(other);
		if (other->start < module->end && module->start < other->end && unload > since)
			since = unload;
	}
	return since;
}

/* The same code is back at the same place: its functions and paths are those of before. A program that loads and
 * unloads without end would else fill all tables. Return: id + 1; 0: it was not here. */
static uint32_t revive(struct ap_control *c, const struct ap_module *back)
{
	const uint32_t n = __atomic_load_n(&c->header->modules, __ATOMIC_ACQUIRE);
	for (uint32_t id = 0; id < n; id++) {
		struct ap_module *module = module_at(c, id);
		if (!unloaded_at(module) || !same_object(module, back))
			continue;
		come_back(module, place_free_since(c, module));
		return id + 1;
	}
	return 0;
}

static uint32_t enter_module(struct ap_control *c, uint64_t start, uint64_t end, uint64_t bias,
			     const char *name)
{
	uint32_t id = 0;
	struct ap_module found = {
		.start = start, .end = end, .bias = bias, .load_ticks = ap_ticks()};
	read_headers(&found);
	const uint32_t again = revive(c, &found);
	if (again)
		return again;
	struct ap_module *module = new_module(c, &id);
	if (!module)
		return 0;
	*module = found;
	set_path(c, module, name);
	__atomic_store_n(&c->header->modules, id + 1, __ATOMIC_RELEASE);
	return id + 1;
}

/* Return: module id + 1 of the object known to hold @address at @ticks; 0 unknown. Of several the one that went away
 * first after that. */
static uint32_t known_module(struct ap_control *c, uint64_t address, uint64_t ticks)
{
	const uint32_t n = __atomic_load_n(&c->header->modules, __ATOMIC_ACQUIRE);
	uint64_t first_end = 0;
	uint32_t best = 0;
	for (uint32_t i = n; i > 0; i--) {
		const struct ap_module *m = module_at(c, i - 1);
		if (address < m->start || address >= m->end)
			continue;
		const uint64_t end = life_until(m, ticks);
		if (end && (!best || end < first_end)) {
			best = i;
			first_end = end;
		}
	}
	return best;
}

const struct ap_module *ap_module_at(const struct ap_control *c, uint32_t module)
{
	return module ? module_at(c, module - 1) : NULL;
}

/** ap_module_recognizable() - would @module (id + 1) be known again if it came back? */
bool ap_module_recognizable(const struct ap_control *c, uint32_t module)
{
	return module && module_at(c, module - 1)->build_id_bytes != 0;
}

/** ap_module_unloaded() - is @module (id + 1) gone? */
bool ap_module_unloaded(const struct ap_control *c, uint32_t module)
{
	return module && unloaded_at(module_at(c, module - 1)) != 0;
}

/* One thread enters modules at a time: microseconds with signals blocked; milliseconds where filters want all names. Others
 * yield to it a bounded number of times; should it be dead (a vfork child), their functions go without a module. */
static bool begin_entering(struct ap_control *c)
{
	const int yields = c->header->filters ? 100000 : 1000;
	for (int i = 0; i < yields; i++) {
		if (__atomic_exchange_n(&c->modules_lock, 1, __ATOMIC_ACQUIRE) == 0)
			return true;
		ap_sys0(SYS_sched_yield);
	}
	return false;
}

static void end_entering(struct ap_control *c)
{
	__atomic_store_n(&c->modules_lock, 0, __ATOMIC_RELEASE);
}

/** ap_module_of() - Return: id + 1 of the module of a function called at @ticks; 0 when there is none. */
uint32_t ap_module_of(struct ap_control *c, uint64_t address, uint64_t ticks)
{
	struct dl_find_object found;
	uint32_t module = known_module(c, address, ticks);
	if (module || _dl_find_object((void *)address, &found) != 0 || !begin_entering(c))
		return module;
	module = known_module(c, address, ticks);
	if (!module)
		module = enter_module(c, (uint64_t)found.dlfo_map_start,
				      (uint64_t)found.dlfo_map_end, found.dlfo_link_map->l_addr,
				      found.dlfo_link_map->l_name);
	end_entering(c);
	return module;
}

static int enter_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
	struct ap_control *c = data;
	struct dl_find_object found;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const uint64_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type != PT_LOAD || known_module(c, at, UINT64_MAX))
			continue;
		if (_dl_find_object((void *)at, &found) == 0)
			enter_module(c, (uint64_t)found.dlfo_map_start,
				     (uint64_t)found.dlfo_map_end, info->dlpi_addr,
				     info->dlpi_name);
		return 0;
	}
	return 0;
}

/** ap_modules_before_unload() - enter every loaded object while it is there: calls not folded yet may be in it.
 * Around dlclose only, where the loader's own lock is not held. */
void ap_modules_before_unload(struct ap_control *c)
{
	if (!begin_entering(c))
		return;
	dl_iterate_phdr(enter_loaded, c);
	end_entering(c);
}

static bool is_loaded(const struct ap_module *module)
{
	struct dl_find_object found;
	return _dl_find_object((void *)module->start, &found) == 0 &&
	       (uint64_t)found.dlfo_map_start == module->start &&
	       (uint64_t)found.dlfo_map_end == module->end;
}

/* Return: when the last of those that are gone was found to be; 0: none is. Other threads unload too: the time is read
 * after that, when no call can be in there any more. */
static uint64_t mark_unloaded(struct ap_control *c)
{
	const uint32_t n = __atomic_load_n(&c->header->modules, __ATOMIC_ACQUIRE);
	uint64_t last = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct ap_module *module = module_at(c, i);
		if (unloaded_at(module) || is_loaded(module))
			continue;
		last = ap_ticks();
		__atomic_store_n(&module->unload_ticks, last, __ATOMIC_RELEASE);
	}
	return last;
}

/** ap_modules_after_unload() - mark what is gone. */
void ap_modules_after_unload(struct ap_control *c)
{
	const bool alone = begin_entering(c); /* if not, the other is dead, or late */
	const uint64_t last = mark_unloaded(c);
	if (alone)
		end_entering(c);
	if (!last)
		return;
	uint64_t none = 0;
	__atomic_compare_exchange_n(&c->first_unload, &none, last, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
	const uint32_t at = __atomic_fetch_add(&c->unloads_n, 1, __ATOMIC_SEQ_CST) % AP_UNLOADS;
	__atomic_store_n(&c->unloads[at], last, __ATOMIC_RELEASE);
	__atomic_fetch_add(&c->cache_epoch, 1, __ATOMIC_RELEASE);
	ap_gates_unload(c); /* a gate knows its function by the address */
}

/* The loader keeps what it maps in a list: first the program and what it needs, itself among them. */
bool ap_module_stays(uint64_t address)
{
	struct dl_find_object found, loader;
	if (_dl_find_object((void *)address, &found) != 0 ||
	    _dl_find_object((void *)_dl_find_object, &loader) != 0)
		return false;
	const struct link_map *map = loader.dlfo_link_map;
	while (map && map != found.dlfo_link_map)
		map = map->l_prev;
	return map != NULL;
}

uint32_t ap_modules_unloads_since(const struct ap_control *c, uint64_t ticks)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < AP_UNLOADS; i++)
		n += __atomic_load_n(&c->unloads[i], __ATOMIC_ACQUIRE) > ticks;
	return n;
}

uint64_t ap_modules_next_unload(const struct ap_control *c, uint64_t ticks)
{
	uint64_t next = 0;
	for (uint32_t i = 0; i < AP_UNLOADS; i++) {
		const uint64_t at = __atomic_load_n(&c->unloads[i], __ATOMIC_ACQUIRE);
		if (at > ticks && (!next || at < next))
			next = at;
	}
	return next;
}
