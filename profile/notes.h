/* SPDX-License-Identifier: MIT */
/* profile/notes.h - lists of lines in the model. */
#ifndef AP_PROFILE_NOTES_H
#define AP_PROFILE_NOTES_H

#include <stddef.h>

/** ap_lines_add() - append a line; takes @line, which may be NULL (no memory). Return: 0 or -ENOMEM. */
int ap_lines_add(char ***lines, size_t *n, char *line);
/** ap_lines_split() - append the non-empty lines of @text, the first hundreds of them at most.
 * Return: 0 or -ENOMEM. */
int ap_lines_split(char ***lines, size_t *n, const char *text);
/** ap_lines_free() - release them all; takes NULL with 0. */
void ap_lines_free(char **lines, size_t n);

#endif
