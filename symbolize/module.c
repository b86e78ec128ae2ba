/* SPDX-License-Identifier: MIT */
/* symbolize/module.c - see module.h.
 *
 * libdwfl does the reading; one session a module, so that a damaged file or two modules that were loaded at the
 * same addresses one after the other do not disturb each other. Modules are reported at base 0: all
 * addresses here are those in the file, whatever its first p_vaddr. */
#include "symbolize/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char deleted_suffix[] = " (deleted)"; /* the kernel's, in /proc/PID/maps */

static size_t path_bytes(const char *path)
{
	const size_t n = strlen(path), suffix = sizeof(deleted_suffix) - 1;

	return n > suffix && strcmp(path + n - suffix, deleted_suffix) == 0 ? n - suffix : n;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void set_note(struct ap_elf_module *module, struct ap_strings *strings, const char *text)
{
	if (module->note == NULL) {
		module->note = ap_strings_copy(strings, text, 256);
	}
}

/* Return: a session with the file as its only module, or NULL. Takes @fd. */
static Dwfl *begin(const struct ap_debug_files *files, const char *path, int fd,
		   Dwfl_Module **ret_module)
{
	Dwfl *dwfl = dwfl_begin(&files->callbacks);
	Dwfl_Module *module;
	void **userdata;

	if (dwfl == NULL) {
		close(fd);
		return NULL;
	}
	dwfl_report_begin(dwfl);
	module = dwfl_report_elf(dwfl, base_name(path), path, fd, 0, true);
	if (module == NULL) {
		close(fd);
	}
	if (module == NULL || dwfl_report_end(dwfl, NULL, NULL) != 0 ||
	    dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL) == NULL) {
		dwfl_end(dwfl);
		return NULL;
	}
	*userdata = (void *)files;
	*ret_module = module;
	return dwfl;
}

static bool has_build_id(Dwfl_Module *module, const struct ap_profile_module *from)
{
	const unsigned char *id;
	GElf_Addr at;
	const int n = dwfl_module_build_id(module, &id, &at);
	/* The spool keeps the first 20 bytes. */
	const int kept = n > (int)sizeof(from->build_id) ? (int)sizeof(from->build_id) : n;

	return kept > 0 && kept == from->build_id_bytes &&
	       memcmp(id, from->build_id, (size_t)kept) == 0;
}

static bool is_same_file(Dwfl_Module *module, const struct ap_profile_module *from,
			 const struct stat *st)
{
	if (from->build_id_bytes > 0) {
		return has_build_id(module, from);
	}
	return (from->inode == 0 || from->inode == st->st_ino) &&
	       (from->file_bytes == 0 || from->file_bytes == (uint64_t)st->st_size);
}

/* The section headers are last in the file: a file cut short has lost them. */
static bool is_truncated(Elf *elf, const struct stat *st)
{
	const uint64_t size = (uint64_t)st->st_size;
	GElf_Ehdr header;

	return gelf_getehdr(elf, &header) != NULL && header.e_shoff != 0 &&
	       (header.e_shoff > size ||
		(uint64_t)header.e_shnum * header.e_shentsize > size - header.e_shoff);
}

static struct ap_elf_code code_of(Elf *elf)
{
	struct ap_elf_code code = {.low = UINT64_MAX, .high = 0};
	size_t n;

	if (elf_getphdrnum(elf, &n) != 0) {
		return code;
	}
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr segment;

		if (gelf_getphdr(elf, (int)i, &segment) == NULL || segment.p_type != PT_LOAD ||
		    (segment.p_flags & PF_X) == 0 ||
		    segment.p_memsz > UINT64_MAX - segment.p_vaddr) {
			continue;
		}
		code.low = segment.p_vaddr < code.low ? segment.p_vaddr : code.low;
		code.high = segment.p_vaddr + segment.p_memsz > code.high
				    ? segment.p_vaddr + segment.p_memsz
				    : code.high;
	}
	return code;
}

/* The file is not the one that was loaded. A separate debug file with the right build-id still is. */
static void open_debug_file_only(struct ap_elf_module *module, const struct ap_profile_module *from,
				 const struct ap_debug_files *files, struct ap_strings *strings,
				 const char *why)
{
	char *path;
	const int fd = from->build_id_bytes == 0
			       ? -1
			       : ap_debug_files_by_build_id(files, from->build_id,
							    from->build_id_bytes, &path);

	if (fd >= 0) {
		module->dwfl = begin(files, path, fd, &module->module);
		free(path);
	}
	if (module->dwfl != NULL && !has_build_id(module->module, from)) {
		dwfl_end(module->dwfl);
		module->dwfl = NULL;
	}
	module->note =
		ap_strings_format(strings, "%s; %s", why,
				  module->dwfl == NULL ? "its functions have no names"
						       : "names are from its separate debug file");
}

/* Return: why the file cannot be used, or NULL: module->dwfl is set. Takes @fd. */
static const char *open_same_file(struct ap_elf_module *module,
				  const struct ap_profile_module *from,
				  const struct ap_debug_files *files, const char *path, int fd,
				  struct ap_strings *strings)
{
	struct stat st;
	char magic[SELFMAG];
	Dwarf_Addr bias;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    pread(fd, magic, SELFMAG, 0) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG) != 0) {
		close(fd);
		return "replaced since it was loaded: not an ELF file";
	}
	module->dwfl = begin(files, path, fd, &module->module);
	if (module->dwfl == NULL) {
		return "damaged: its ELF headers cannot be read";
	}
	if (!is_same_file(module->module, from, &st)) {
		dwfl_end(module->dwfl);
		module->dwfl = NULL;
		return from->build_id_bytes > 0
			       ? "replaced since it was loaded (build-id differs)"
			       : "replaced since it was loaded (inode or size differs)";
	}
	if (is_truncated(dwfl_module_getelf(module->module, &bias), &st)) {
		set_note(module, strings, "damaged: the file is cut short; names may be missing");
	}
	return NULL;
}

static void open_file(struct ap_elf_module *module, const struct ap_profile_module *from,
		      const struct ap_debug_files *files, struct ap_strings *strings,
		      const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *why;

	if (fd < 0) {
		why = errno == ENOENT || errno == ENOTDIR
			      ? "deleted since it was loaded"
			      : ap_strings_format(strings, "cannot be read: %s", strerror(errno));
	} else {
		why = open_same_file(module, from, files, path, fd, strings);
	}
	if (why != NULL) {
		open_debug_file_only(module, from, files, strings, why);
	}
}

void ap_elf_module_open(struct ap_elf_module *module, const struct ap_profile_module *from,
			const struct ap_debug_files *files, struct ap_strings *strings)
{
	const char *path = ap_strings_copy(strings, from->path == NULL ? "" : from->path,
					   from->path == NULL ? 0 : path_bytes(from->path));
	Dwarf_Addr bias;

	*module = (struct ap_elf_module){.opened = true};
	if (path == NULL || path[0] == '\0') {
		return;
	}
	module->name = base_name(path);
	if (module->name == path) {
		return; /* linux-vdso.so.1, [vdso]: no file, and nothing wrong with that */
	}
	open_file(module, from, files, strings, path);
	if (module->dwfl == NULL) {
		return;
	}
	module->code = code_of(dwfl_module_getelf(module->module, &bias));
	if (ap_elf_symbols_read(&module->symbols, module->module, module->code) < 0) {
		set_note(module, strings, "no memory for its symbols");
	}
}

struct ap_dwarf_lines *ap_elf_module_lines(struct ap_elf_module *module, struct ap_strings *strings)
{
	if (module->dwarf_tried || module->dwfl == NULL) {
		return module->lines;
	}
	module->dwarf_tried = true;
	Dwarf *dwarf = dwfl_module_getdwarf(module->module, &module->dwarf_bias);
	if (dwarf == NULL) {
		module->no_lines_note = module->note == NULL;
		set_note(module, strings,
			 "no debug information (compile with -g): no files and lines");
		return NULL;
	}
	module->lines = ap_dwarf_lines_new(dwarf, module->code.low - module->dwarf_bias,
					   module->code.high - module->dwarf_bias);
	return module->lines;
}

void ap_elf_module_note_damage(struct ap_elf_module *module, struct ap_strings *strings)
{
	const char *damage = module->lines == NULL ? NULL : ap_dwarf_lines_damage(module->lines);

	if (damage != NULL && module->note == NULL) {
		module->note = ap_strings_format(strings, "debug information damaged: %s", damage);
	}
}

static bool has_symtab(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)) != NULL) {
		if (gelf_getshdr(section, &header) != NULL && header.sh_type == SHT_SYMTAB) {
			return true;
		}
	}
	return false;
}

void ap_elf_module_note_unknown(struct ap_elf_module *module)
{
	Dwarf_Addr bias;

	if (module->dwfl == NULL || (module->note != NULL && !module->no_lines_note)) {
		return;
	}
	module->no_lines_note = false; /* names that are missing say more */
	module->note = has_symtab(dwfl_module_getelf(module->module, &bias))
			       ? "some of its functions have no symbol"
			       : "stripped, no separate debug file found: only exported functions "
				 "have names";
}

void ap_elf_module_close(struct ap_elf_module *module)
{
	ap_elf_symbols_clear(&module->symbols);
	ap_dwarf_lines_free(module->lines);
	dwfl_end(module->dwfl);
	*module = (struct ap_elf_module){.opened = false};
}
