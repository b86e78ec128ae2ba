/* SPDX-License-Identifier: MIT */
/* symbolize/dwarf_lines.c - see dwarf_lines.h.
 *
 * The units' own address ranges say which unit to read: .debug_aranges would be quicker, but clang does not
 * write it. In the unit only functions at the top and in namespaces are looked at. Both compilers put
 * nearly all definitions there; for the others (methods of classes inside functions, lambdas) the
 * first row of the function in the line table gives the same answer, without walking function bodies. */
#include "symbolize/dwarf_lines.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACES_LIMIT 32
#define UNITS_LIMIT (1u << 20)
#define RANGES_LIMIT (1u << 24)
/* How many ranges back one may begin that holds the address. They do not overlap in a sane file. */
#define RANGES_BACK 8

struct entry {
	Dwarf_Addr address;
	Dwarf_Die die;
};

struct unit {
	Dwarf_Die die;	     /* has the line table */
	Dwarf_Die functions; /* has the functions: the same, or its half in a .dwo file */
	struct entry *entries;
	size_t n;
	size_t room;
	bool walked;
};

struct range {
	Dwarf_Addr low, high;
	size_t unit;
};

struct ap_dwarf_lines {
	Dwarf_Addr low, high;
	struct unit *units;
	size_t units_n;
	size_t units_room;
	struct range *ranges;
	size_t ranges_n;
	size_t ranges_room;
	const char *damage;
};

/* Room for one more of @n elements in *@array. */
static bool grow(void *array, size_t element_bytes, size_t n, size_t *room)
{
	if (n < *room) {
		return true;
	}
	const size_t more = *room == 0 ? 64 : *room * 2;
	void *bigger = reallocarray(*(void **)array, more, element_bytes);
	if (bigger == NULL) {
		return false;
	}
	*(void **)array = bigger;
	*room = more;
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->low != y->low) {
		return x->low < y->low ? -1 : 1;
	}
	return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static bool add_ranges(struct ap_dwarf_lines *lines, size_t unit)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	while (lines->ranges_n < RANGES_LIMIT &&
	       (at = dwarf_ranges(&lines->units[unit].die, at, &base, &low, &high)) > 0) {
		/* Code that the linker dropped is left at 0, or at another address where no code is. */
		if (low < lines->low || low >= lines->high || high <= low) {
			continue;
		}
		if (!grow(&lines->ranges, sizeof(*lines->ranges), lines->ranges_n,
			  &lines->ranges_room)) {
			return false;
		}
		lines->ranges[lines->ranges_n++] = (struct range){low, high, unit};
	}
	return true;
}

static bool add_unit(struct ap_dwarf_lines *lines, const Dwarf_Die *die, const Dwarf_Die *split)
{
	if (!grow(&lines->units, sizeof(*lines->units), lines->units_n, &lines->units_room)) {
		return false;
	}
	lines->units[lines->units_n] =
		(struct unit){.die = *die, .functions = split->cu != NULL ? *split : *die};
	return add_ranges(lines, lines->units_n++);
}

struct ap_dwarf_lines *ap_dwarf_lines_new(Dwarf *dwarf, Dwarf_Addr low, Dwarf_Addr high)
{
	struct ap_dwarf_lines *lines = calloc(1, sizeof(*lines));
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, split = {.cu = NULL};
	uint8_t type;

	if (lines == NULL) {
		return NULL;
	}
	lines->low = low;
	lines->high = high;
	int rc = 1;
	while (lines->units_n < UNITS_LIMIT &&
	       (rc = dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, &split)) == 0) {
		if (type != DW_UT_type && type != DW_UT_partial && !add_unit(lines, &die, &split)) {
			return ap_dwarf_lines_free(lines);
		}
	}
	if (rc < 0) {
		lines->damage = dwarf_errmsg(-1);
	}
	if (lines->ranges_n > 0) {
		qsort(lines->ranges, lines->ranges_n, sizeof(*lines->ranges), compare_ranges);
	}
	return lines;
}

struct ap_dwarf_lines *ap_dwarf_lines_free(struct ap_dwarf_lines *lines)
{
	if (lines != NULL) {
		for (size_t i = 0; i < lines->units_n; i++) {
			free(lines->units[i].entries);
		}
		free(lines->units);
		free(lines->ranges);
		free(lines);
	}
	return NULL;
}

static struct unit *find_unit(const struct ap_dwarf_lines *lines, Dwarf_Addr address)
{
	size_t low = 0, high = lines->ranges_n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (lines->ranges[middle].low <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (size_t back = 0; back < RANGES_BACK && back < low; back++) {
		if (address < lines->ranges[low - 1 - back].high) {
			return &lines->units[lines->ranges[low - 1 - back].unit];
		}
	}
	return NULL;
}

/* Where @die begins to run. A function in several pieces has no low_pc; its first range is the entry. */
static bool entry_address(Dwarf_Die *die, Dwarf_Addr *ret)
{
	Dwarf_Addr base, end;

	return dwarf_lowpc(die, ret) == 0 ||
	       (dwarf_hasattr(die, DW_AT_ranges) && dwarf_ranges(die, 0, &base, ret, &end) > 0);
}

static void add_function(const struct ap_dwarf_lines *lines, struct unit *unit, Dwarf_Die *die)
{
	Dwarf_Addr address;

	if (entry_address(die, &address) && address >= lines->low && address < lines->high &&
	    grow(&unit->entries, sizeof(*unit->entries), unit->n, &unit->room)) {
		unit->entries[unit->n++] = (struct entry){address, *die};
	}
}

/* @budget: DIEs that the unit can have at most. Links of a damaged file may lead in circles. */
static void walk(const struct ap_dwarf_lines *lines, struct unit *unit, Dwarf_Die *parent,
		 int depth, size_t *budget)
{
	Dwarf_Die die;

	if (depth == NAMESPACES_LIMIT || dwarf_child(parent, &die) != 0) {
		return;
	}
	do {
		const int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram) {
			add_function(lines, unit, &die);
		} else if (tag == DW_TAG_namespace || tag == DW_TAG_module) {
			walk(lines, unit, &die, depth + 1, budget);
		}
	} while (*budget > 0 && (*budget)-- > 0 && dwarf_siblingof(&die, &die) == 0);
}

static void walk_once(const struct ap_dwarf_lines *lines, struct unit *unit)
{
	Dwarf_Off next;
	uint8_t address_bytes, offset_bytes;
	Dwarf *dwarf = dwarf_cu_getdwarf(unit->functions.cu);
	const Dwarf_Off start =
		dwarf_dieoffset(&unit->functions) - dwarf_cuoffset(&unit->functions);

	if (unit->walked) {
		return;
	}
	unit->walked = true;
	/* A DIE takes a byte at least. */
	if (dwarf_next_unit(dwarf, start, &next, NULL, NULL, NULL, &address_bytes, &offset_bytes,
			    NULL, NULL) != 0 ||
	    next <= start) {
		return;
	}
	size_t budget = next - start;
	walk(lines, unit, &unit->functions, 0, &budget);
	if (unit->n > 0) {
		qsort(unit->entries, unit->n, sizeof(*unit->entries), compare_entries);
	}
}

static int compare_to_key(const void *key, const void *entry)
{
	return compare_entries(key, entry);
}

static const char *linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute) != NULL) {
		return dwarf_formstring(&attribute);
	}
	return dwarf_diename(die);
}

/* dwarf_decl_file() has an assert() that split units fail, and takes file 0 for none, which since DWARF 5 is
 * the unit's own source. */
static const char *declared_file(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word index;
	Dwarf_Half version;
	Dwarf_Die unit;
	Dwarf_Files *files;
	size_t n;

	if (dwarf_formudata(dwarf_attr_integrate(die, DW_AT_decl_file, &attribute), &index) != 0 ||
	    dwarf_cu_die(attribute.cu, &unit, &version, NULL, NULL, NULL, NULL, NULL) == NULL ||
	    dwarf_getsrcfiles(&unit, &files, &n) != 0 || index >= n ||
	    (index == 0 && version < 5)) {
		return NULL;
	}
	return dwarf_filesrc(files, index, NULL, NULL);
}

static bool from_die(struct unit *unit, Dwarf_Addr address, struct ap_dwarf_function *ret)
{
	const struct entry key = {.address = address};
	struct entry *entry =
		unit->n == 0 ? NULL
			     : bsearch(&key, unit->entries, unit->n, sizeof(key), compare_to_key);

	if (entry == NULL) {
		return false;
	}
	ret->linkage_name = linkage_name(&entry->die);
	if (dwarf_decl_line(&entry->die, &ret->line) != 0 || ret->line <= 0) {
		ret->line = 0;
		return false;
	}
	ret->file = declared_file(&entry->die);
	return ret->file != NULL;
}

/* Index of the first row at or above @address. */
static size_t lower_bound(Dwarf_Lines *rows, size_t n, Dwarf_Addr address)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		Dwarf_Addr at;

		if (dwarf_lineaddr(dwarf_onesrcline(rows, middle), &at) == 0 && at < address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool from_rows(struct ap_dwarf_lines *lines, struct unit *unit, Dwarf_Addr address,
		      struct ap_dwarf_function *ret)
{
	Dwarf_Lines *rows;
	size_t n;

	if (dwarf_getsrclines(&unit->die, &rows, &n) != 0) {
		if (dwarf_hasattr(&unit->die, DW_AT_stmt_list)) {
			lines->damage = dwarf_errmsg(-1);
		}
		return false;
	}
	for (size_t i = lower_bound(rows, n, address); i < n; i++) {
		Dwarf_Line *row = dwarf_onesrcline(rows, i);
		Dwarf_Addr at;
		bool end;
		int line;

		if (dwarf_lineaddr(row, &at) != 0 || at != address) {
			break;
		}
		if (dwarf_lineendsequence(row, &end) == 0 && !end &&
		    dwarf_lineno(row, &line) == 0 && line > 0) {
			ret->line = line;
			ret->file = dwarf_linesrc(row, NULL, NULL);
			return ret->file != NULL;
		}
	}
	return false;
}

void ap_dwarf_lines_find(struct ap_dwarf_lines *lines, Dwarf_Addr address,
			 struct ap_dwarf_function *ret)
{
	struct unit *unit = find_unit(lines, address);
	Dwarf_Attribute attribute;

	*ret = (struct ap_dwarf_function){.line = 0};
	if (unit == NULL) {
		return;
	}
	walk_once(lines, unit);
	if ((from_die(unit, address, ret) || from_rows(lines, unit, address, ret)) &&
	    dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute) != NULL) {
		ret->directory = dwarf_formstring(&attribute);
	}
}

const char *ap_dwarf_lines_damage(const struct ap_dwarf_lines *lines)
{
	return lines->damage;
}
