/* SPDX-License-Identifier: MIT */
/* patch/contents.c - see contents.h. */
#include "patch/contents.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "patch/items.h"

static bool is_loaded(const GElf_Shdr *header)
{
	return header->sh_flags & SHF_ALLOC &&
	       (header->sh_type == SHT_PROGBITS || header->sh_type == SHT_PREINIT_ARRAY ||
		header->sh_type == SHT_INIT_ARRAY || header->sh_type == SHT_FINI_ARRAY);
}

static enum ap_section_kind kind_of(const char *name, const GElf_Shdr *header)
{
	if (strncmp(name, ".got", 4) == 0) {
		return AP_SECTION_GOT;
	}
	if (strncmp(name, ".plt", 4) == 0) {
		return AP_SECTION_STUBS;
	}
	return header->sh_flags & SHF_EXECINSTR ? AP_SECTION_FUNCTIONS : AP_SECTION_DATA;
}

static int add(struct ap_contents *contents, const char *name, const GElf_Shdr *header,
	       const Elf_Data *data)
{
	int e = 0;

	if (!name || !data || !data->d_buf || header->sh_addr + data->d_size < header->sh_addr) {
		return 0;
	}
	struct ap_section *to =
		ap_item_next((void **)&contents->all, contents->n, sizeof(*contents->all), &e);
	if (to) {
		*to = (struct ap_section){
			.start = header->sh_addr,
			.end = header->sh_addr + data->d_size,
			.bytes = data->d_buf,
			.kind = kind_of(name, header),
		};
		contents->bytes += data->d_size;
		contents->n++;
	}
	return e;
}

static int by_address(const void *a, const void *b)
{
	const struct ap_section *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int ap_contents_find(Elf *elf, struct ap_contents *ret)
{
	GElf_Ehdr file;
	GElf_Shdr header;
	size_t names, file_bytes;
	int e = 0;

	*ret = (struct ap_contents){0};
	if (!gelf_getehdr(elf, &file) || elf_getshdrstrndx(elf, &names) < 0 ||
	    !elf_rawfile(elf, &file_bytes)) {
		return -EBADMSG;
	}
	ret->fixed = file.e_type == ET_EXEC;
	for (Elf_Scn *s = elf_nextscn(elf, NULL); s && e == 0; s = elf_nextscn(elf, s)) {
		if (gelf_getshdr(s, &header) && is_loaded(&header)) {
			e = add(ret, elf_strptr(elf, names, header.sh_name), &header,
				elf_getdata(s, NULL));
		}
	}
	if (ret->n) {
		qsort(ret->all, ret->n, sizeof(*ret->all), by_address);
	}
	return e < 0 || ret->bytes <= file_bytes ? e : -EBADMSG; /* they overlap */
}

void ap_contents_clear(struct ap_contents *contents)
{
	free(contents->all);
	*contents = (struct ap_contents){0};
}

const struct ap_section *ap_contents_section(const struct ap_contents *contents, uint64_t address)
{
	size_t from = 0, to = contents->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;
		if (contents->all[middle].start <= address) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from && address < contents->all[from - 1].end ? &contents->all[from - 1] : NULL;
}

const unsigned char *ap_contents_at(const struct ap_contents *contents, uint64_t address,
				    size_t *ret_bytes)
{
	const struct ap_section *section = ap_contents_section(contents, address);

	if (!section) {
		return NULL;
	}
	*ret_bytes = (size_t)(section->end - address);
	return section->bytes + (address - section->start);
}
