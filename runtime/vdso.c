/* SPDX-License-Identifier: MIT */
/* runtime/vdso.c - the kernel's own clock_gettime, in the object that it maps into every process. libc's would be the
 * same, but its name may be taken by a library that shows the program another time, or none that passes. */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "runtime/runtime.h"

struct vdso {
	uint64_t bias;
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash, *gnu_hash;
};

/* Its dynamic section is not relocated by anybody. Return: all there? */
static bool read_dynamic(struct vdso *v, const ElfW(Dyn) * dynamic)
{
	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		const uint64_t at = v->bias + dynamic->d_un.d_ptr;
		switch (dynamic->d_tag) {
		case DT_SYMTAB:
			v->symbols = (const ElfW(Sym) *)at;
			break;
		case DT_STRTAB:
			v->strings = (const char *)at;
			break;
		case DT_HASH:
			v->hash = (const uint32_t *)at;
			break;
		case DT_GNU_HASH:
			v->gnu_hash = (const uint32_t *)at;
			break;
		default:
			break;
		}
	}
	return v->symbols && v->strings;
}

static bool find(struct vdso *v, uint64_t base)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
	const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + header->e_phoff);
	uint64_t dynamic = 0;
	bool loaded = false;

	for (int i = 0; i < header->e_phnum; i++, segment++) {
		if (segment->p_type == PT_DYNAMIC)
			dynamic = segment->p_vaddr;
		if (segment->p_type == PT_LOAD && !loaded) {
			v->bias = base + segment->p_offset - segment->p_vaddr;
			loaded = true;
		}
	}
	return loaded && dynamic && read_dynamic(v, (const ElfW(Dyn) *)(v->bias + dynamic));
}

/* Of the newer table: the last bucket's chain ends with the last symbol. */
static uint32_t count_gnu(const uint32_t *table)
{
	const uint32_t buckets = table[0], first = table[1];
	const uint32_t *bucket = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(*table));
	const uint32_t *chain = bucket + buckets;
	uint32_t last = 0;

	for (uint32_t i = 0; i < buckets; i++)
		last = bucket[i] > last ? bucket[i] : last;
	if (last < first)
		return 0;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

static uint32_t count(const struct vdso *v)
{
	if (v->hash)
		return v->hash[1];
	return v->gnu_hash ? count_gnu(v->gnu_hash) : 0;
}

void *ap_vdso_find(const char *name)
{
	const uint64_t base = getauxval(AT_SYSINFO_EHDR);
	struct vdso v = {0};

	if (!base || !find(&v, base))
		return NULL;
	const uint32_t n = count(&v);
	for (uint32_t i = 0; i < n; i++) {
		const ElfW(Sym) *symbol = &v.symbols[i];
		if (symbol->st_shndx != SHN_UNDEF && ap_streq(v.strings + symbol->st_name, name))
			return (void *)(v.bias + symbol->st_value);
	}
	return NULL;
}
