/* SPDX-License-Identifier: MIT */
/* symbolize/debug_files.c - see debug_files.h.
 *
 * The usual places are searched here and not by libdwfl, which takes a file of the right name for a binary
 * without build-id whatever is in it, and waits for ever on a FIFO. A file is used only when it was made from
 * the same binary: same build-id, else the checksum in .gnu_debuglink, else the same layout. */
#include "symbolize/debug_files.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR "/usr/lib/debug"

/* Addresses and sizes that two files made from one binary share. */
static bool same_layout(Elf *a, Elf *b)
{
	GElf_Ehdr x, y;
	size_t n, other_n;

	if (gelf_getehdr(a, &x) == NULL || gelf_getehdr(b, &y) == NULL ||
	    x.e_machine != y.e_machine || x.e_type != y.e_type || x.e_entry != y.e_entry ||
	    elf_getphdrnum(a, &n) != 0 || elf_getphdrnum(b, &other_n) != 0 || n != other_n ||
	    n == 0) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p, q;

		if (gelf_getphdr(a, (int)i, &p) == NULL || gelf_getphdr(b, (int)i, &q) == NULL ||
		    p.p_type != q.p_type || p.p_vaddr != q.p_vaddr || p.p_memsz != q.p_memsz) {
			return false;
		}
	}
	return true;
}

static bool same_binary(Elf *debug, Elf *main)
{
	const void *id, *main_id;
	const ssize_t bytes = dwelf_elf_gnu_build_id(debug, &id);
	const ssize_t main_bytes = dwelf_elf_gnu_build_id(main, &main_id);

	if (main_bytes > 0) {
		return bytes == main_bytes && memcmp(id, main_id, (size_t)bytes) == 0;
	}
	return bytes <= 0 && same_layout(debug, main);
}

/* The checksum of .gnu_debuglink: CRC-32 as in zlib. */
static bool has_checksum(int fd, uint32_t want)
{
	uint32_t table[256], crc = ~0u;
	unsigned char bytes[4096];
	ssize_t n;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++) {
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
		}
	}
	for (off_t at = 0; (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n) {
		for (ssize_t i = 0; i < n; i++) {
			crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
		}
	}
	return n == 0 && ~crc == want;
}

/* A regular file only: a FIFO would block us. Return: descriptor or -1. */
static int open_file(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What is looked for: the debug file of the binary @main at @path. */
struct search {
	Elf *main;
	const char *path;
	const char *name; /* last part of path */
	const char *link; /* in .gnu_debuglink; NULL: none */
	uint32_t link_crc;
	char *found; /* path of the file, for the caller */
};

static bool is_right(const struct search *search, int fd, bool linked)
{
	const void *id;
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	const bool is_elf = elf != NULL && elf_kind(elf) == ELF_K_ELF;
	const bool by_checksum = linked && dwelf_elf_gnu_build_id(search->main, &id) <= 0;
	const bool right = is_elf && (by_checksum ? has_checksum(fd, search->link_crc)
						  : same_binary(elf, search->main));

	elf_end(elf);
	return right;
}

/* Takes @path. Return: descriptor of the file if it is the right one, or -1. */
static int try_path(struct search *search, char *path, bool linked)
{
	const int fd = path == NULL ? -1 : open_file(path);

	if (fd >= 0 && is_right(search, fd, linked)) {
		search->found = path;
		return fd;
	}
	free(path);
	if (fd >= 0) {
		close(fd);
	}
	return -1;
}

static char *build_id_path(const char *dir, const uint8_t *id, size_t bytes)
{
	char hex[2 * 64 + 1];
	char *path;

	if (dir == NULL || bytes < 2 || bytes > 64) {
		return NULL;
	}
	for (size_t i = 0; i < bytes; i++) {
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	}
	return asprintf(&path, "%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2) < 0 ? NULL : path;
}

/* Of three parts, the middle one of limited length. */
static char *join(const char *a, const char *b, size_t b_bytes, const char *c)
{
	char *path;

	return asprintf(&path, "%s%.*s/%s", a, (int)b_bytes, b, c) < 0 ? NULL : path;
}

/* DIR/.build-id/xx/yyy.debug, DIR/usr/bin/app.debug, DIR/app.debug. */
static int search_names(struct search *search, const char *dir)
{
	const char *const bases[] = {search->path, search->name};
	const void *id;
	const ssize_t bytes = dwelf_elf_gnu_build_id(search->main, &id);
	int fd = bytes > 0 ? try_path(search, build_id_path(dir, id, (size_t)bytes), false) : -1;

	for (size_t i = 0; fd < 0 && i < 2; i++) {
		char *path;

		fd = asprintf(&path, "%s/%s.debug", dir, bases[i]) < 0
			     ? -1
			     : try_path(search, path, false);
	}
	return fd;
}

/* DIR/usr/bin/LINK, DIR/LINK. */
static int search_link(struct search *search, const char *dir)
{
	const size_t parent = (size_t)(search->name - search->path - 1);
	int fd = try_path(search, join(dir, search->path, parent, search->link), true);

	return fd >= 0 ? fd : try_path(search, join(dir, "", 0, search->link), true);
}

/* Beside the binary: LINK, .debug/LINK. */
static int search_beside(struct search *search)
{
	const size_t parent = (size_t)(search->name - search->path - 1);
	int fd = try_path(search, join("", search->path, parent, search->link), true);
	char *dir;

	if (fd < 0 && asprintf(&dir, "%.*s/.debug", (int)parent, search->path) > 0) {
		fd = try_path(search, join(dir, "", 0, search->link), true);
		free(dir);
	}
	return fd;
}

static int search_all(struct search *search, const char *dir)
{
	const char *const dirs[] = {dir, SYSTEM_DIR};
	int fd = -1;

	for (size_t i = dir == NULL; fd < 0 && i < 2; i++) {
		fd = search_names(search, dirs[i]);
		if (fd < 0 && search->link != NULL) {
			fd = search_link(search, dirs[i]);
		}
	}
	return fd < 0 && search->link != NULL ? search_beside(search) : fd;
}

static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *link, GElf_Word link_crc,
			  char **ret_path)
{
	const struct ap_debug_files *files = *userdata;
	const char *slash = file_name == NULL ? NULL : strrchr(file_name, '/');
	Dwarf_Addr bias;
	struct search search = {.main = dwfl_module_getelf(module, &bias),
				.path = file_name,
				.name = slash == NULL ? NULL : slash + 1,
				.link = link,
				.link_crc = link_crc};
	int fd = -1;

	/* Without a file name it is the common part of several debug files that is wanted (dwz). */
	if (slash != NULL && search.main != NULL && files != NULL) {
		fd = search_all(&search, files->dir);
		if (fd >= 0) {
			*ret_path = search.found;
			return fd;
		}
	}
	return slash == NULL || (files != NULL && files->debuginfod)
		       ? dwfl_standard_find_debuginfo(module, userdata, name, base, file_name, link,
						      link_crc, ret_path)
		       : -1;
}

/* The modules are given with their files: nothing is to be found. */
static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		    char **file_name, Elf **elf)
{
	return -1;
}

void ap_debug_files_init(struct ap_debug_files *files, const char *dir, bool debuginfod)
{
	*files = (struct ap_debug_files){
		.dir = dir == NULL ? NULL : realpath(dir, NULL),
		.debuginfod = debuginfod,
		.callbacks = {.find_elf = find_elf,
			      .find_debuginfo = find_debuginfo,
			      .section_address = dwfl_offline_section_address},
	};
}

void ap_debug_files_finish(struct ap_debug_files *files)
{
	free(files->dir);
	files->dir = NULL;
}

int ap_debug_files_by_build_id(const struct ap_debug_files *files, const uint8_t *id, size_t bytes,
			       char **ret_path)
{
	const char *const dirs[] = {files->dir, SYSTEM_DIR};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		char *path = build_id_path(dirs[i], id, bytes);
		const int fd = path == NULL ? -1 : open_file(path);

		if (fd >= 0) {
			*ret_path = path;
			return fd;
		}
		free(path);
	}
	return -1;
}
