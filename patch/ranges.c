/* SPDX-License-Identifier: MIT */
/* patch/ranges.c - see ranges.h. */
#include "patch/ranges.h"

#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "patch/items.h"
#include "patch/pads.h"

#define AFTER_LAST 8u	   /* bytes: the mark of the end, and what aligns it */
#define GNU_ARGS_SIZE 0x2e /* DW_CFA: so many bytes of arguments were pushed */

static int add(struct ap_code_ranges *ranges, const struct ap_code_range *range)
{
	int e = 0;
	struct ap_code_range *to =
		ap_item_next((void **)&ranges->all, ranges->n, sizeof(*ranges->all), &e);

	if (to) {
		*to = *range;
		ranges->n++;
	}
	return e;
}

/* The walk over .eh_frame. */
struct tables {
	const struct ap_contents *contents;
	Elf_Data *data;
	uint64_t address; /* of the section */
	unsigned char ident[EI_NIDENT];
};

/* How addresses of FDEs, and of tables of pads, are written. */
struct encodings {
	int address; /* negative: not understood */
	int pads;    /* AP_ENCODED_OMIT: there are none */
};

/* The letters after the z each have their data, in order. */
static struct encodings encodings_of(const Dwarf_CIE *cie)
{
	struct encodings ret = {.address = AP_ENCODED_ABSOLUTE, .pads = AP_ENCODED_OMIT};
	const uint8_t *data = cie->augmentation_data;
	const char *letter = cie->augmentation;

	if (*letter++ != 'z') {
		ret.address = letter[-1] == 0 ? AP_ENCODED_ABSOLUTE : -1;
		return ret;
	}
	for (; *letter && data < cie->augmentation_data + cie->augmentation_data_size; letter++) {
		switch (*letter) {
		case 'R':
			ret.address = *data++;
			break;
		case 'L':
			ret.pads = *data++;
			break;
		case 'P':
			data += 1 + ap_encoded_bytes(*data);
			break;
		case 'S':
		case 'B':
			break;
		default:
			ret.address = -1;
			return ret;
		}
	}
	return ret;
}

static uint64_t address_of(const struct tables *t, const uint8_t *at)
{
	return t->address + (uint64_t)(at - (const uint8_t *)t->data->d_buf);
}

/* In the instructions of an FDE, behind @before bytes. A number in one may look the same: then less is known. */
static bool pushes_arguments(const struct ap_bytes *bytes, uint64_t before)
{
	const size_t n = (size_t)(bytes->end - bytes->at);

	return before < n && memchr(bytes->at + before, GNU_ARGS_SIZE, n - before) != NULL;
}

/* Behind the two numbers of the FDE, and the length of what follows. Return: false: not understood. */
static bool find_pads(const struct tables *t, const Dwarf_FDE *fde, size_t numbers, int encoding,
		      struct ap_code_range *range)
{
	struct ap_bytes bytes = {fde->start + numbers, fde->end};
	uint64_t value;

	if (encoding == AP_ENCODED_OMIT) {
		return true;
	}
	if (!ap_bytes_uleb(&bytes, &value)) {
		return false;
	}
	range->pushes = pushes_arguments(&bytes, value);
	const uint64_t here = address_of(t, bytes.at);
	if (!ap_bytes_encoded(&bytes, encoding & 0x0f, &value)) {
		return false;
	}
	if (value == 0) {
		return true;
	}
	range->pads_at = value + ((encoding & 0x70) == AP_ENCODED_FROM_HERE ? here : 0);
	range->pads = ap_contents_at(t->contents, range->pads_at, &range->pads_bytes);
	return range->pads != NULL;
}

static int add_fde(const struct tables *t, const Dwarf_FDE *fde, struct ap_code_ranges *ranges)
{
	Dwarf_CFI_Entry cie;
	Dwarf_Off next;
	uint64_t start, length;

	if (dwarf_next_cfi(t->ident, t->data, true, fde->CIE_pointer, &next, &cie) != 0 ||
	    !dwarf_cfi_cie_p(&cie)) {
		return -EBADMSG;
	}
	const struct encodings encodings = encodings_of(&cie.cie);
	const int form = encodings.address & 0x0f, from = encodings.address & 0x70;
	struct ap_bytes bytes = {fde->start, fde->end};
	if (encodings.address < 0 || (from != AP_ENCODED_FROM_HERE && from != 0) ||
	    !ap_bytes_encoded(&bytes, form, &start) || !ap_bytes_encoded(&bytes, form, &length)) {
		return -ENOTSUP; /* code that we cannot see may call hooks */
	}
	start += from == AP_ENCODED_FROM_HERE ? address_of(t, fde->start) : 0;
	const struct ap_section *section = ap_contents_section(t->contents, start);
	if (length == 0 || !section || section->kind != AP_SECTION_FUNCTIONS) {
		return 0;
	}
	struct ap_code_range range = {
		.start = start,
		.end = start + length,
		.bytes = section->bytes + (start - section->start),
	};
	if (length > section->end - start ||
	    !find_pads(t, fde, (size_t)(bytes.at - fde->start), encodings.pads, &range)) {
		return -EBADMSG;
	}
	return add(ranges, &range);
}

static int read_tables(const struct tables *t, struct ap_code_ranges *ranges)
{
	Dwarf_Off offset = 0, next;
	Dwarf_CFI_Entry entry;
	int e = 0, r = 0;

	while (e == 0 &&
	       (r = dwarf_next_cfi(t->ident, t->data, true, offset, &next, &entry)) == 0) {
		if (!dwarf_cfi_cie_p(&entry)) {
			e = add_fde(t, &entry.fde, ranges);
		}
		if (next == (Dwarf_Off)-1 || next <= offset) {
			return e;
		}
		offset = next;
	}
	return e == 0 && (r < 0 || offset + AFTER_LAST < t->data->d_size) ? -EBADMSG : e;
}

static int by_address(const void *a, const void *b)
{
	const struct ap_code_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Those that overlap would be read twice: only a damaged file has them. */
static int sort(struct ap_code_ranges *ranges)
{
	if (ranges->n) {
		qsort(ranges->all, ranges->n, sizeof(*ranges->all), by_address);
	}
	for (size_t i = 0; i < ranges->n; i++) {
		ranges->all[i].group = (uint32_t)i;
		if (i && ranges->all[i].start < ranges->all[i - 1].end) {
			return -EBADMSG;
		}
	}
	return 0;
}

int ap_code_ranges_find(Elf *elf, const struct ap_contents *contents, struct ap_code_ranges *ret)
{
	struct tables t = {.contents = contents};
	GElf_Shdr header;
	size_t ident_bytes, names;

	*ret = (struct ap_code_ranges){0};
	const char *ident = elf_getident(elf, &ident_bytes);
	if (!ident || ident_bytes < EI_NIDENT || elf_getshdrstrndx(elf, &names) < 0) {
		return -EBADMSG;
	}
	memcpy(t.ident, ident, EI_NIDENT);
	int e = 0;
	for (Elf_Scn *s = elf_nextscn(elf, NULL); s && e == 0; s = elf_nextscn(elf, s)) {
		const char *name =
			gelf_getshdr(s, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (name && strcmp(name, ".eh_frame") == 0 && header.sh_type != SHT_NOBITS) {
			t.data = elf_getdata(s, NULL);
			t.address = header.sh_addr;
			e = t.data ? read_tables(&t, ret) : -EBADMSG;
		}
	}
	e = e < 0 ? e : sort(ret);
	if (e < 0) {
		ap_code_ranges_clear(ret);
	}
	return e;
}

void ap_code_ranges_clear(struct ap_code_ranges *ranges)
{
	free(ranges->all);
	*ranges = (struct ap_code_ranges){0};
}

uint64_t ap_code_ranges_bytes(const struct ap_code_ranges *ranges)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ranges->n; i++) {
		bytes += ranges->all[i].end - ranges->all[i].start;
	}
	return bytes;
}

struct ap_code_range *ap_code_range_of(const struct ap_code_ranges *ranges, uint64_t address)
{
	size_t from = 0, to = ranges->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;
		if (ranges->all[middle].end <= address) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from < ranges->n && ranges->all[from].start <= address ? &ranges->all[from] : NULL;
}

uint32_t ap_code_ranges_root(struct ap_code_ranges *ranges, uint32_t i)
{
	while (ranges->all[i].group != i) {
		ranges->all[i].group = ranges->all[ranges->all[i].group].group;
		i = ranges->all[i].group;
	}
	return i;
}

void ap_code_ranges_join(struct ap_code_ranges *ranges, uint32_t a, uint32_t b)
{
	a = ap_code_ranges_root(ranges, a);
	b = ap_code_ranges_root(ranges, b);
	ranges->all[a > b ? a : b].group = a > b ? b : a;
}
