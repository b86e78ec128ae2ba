/* SPDX-License-Identifier: MIT */
/* patch/connect.h - which ranges of code are one function, by the jumps between them. */
#ifndef AP_PATCH_CONNECT_H
#define AP_PATCH_CONNECT_H

#include "patch/pieces.h"

/** ap_pieces_connect() - set what each of the ranges has in common with others: their root and ring, and `jumps`. Does so by the
 * jumps of @pieces. */
void ap_pieces_connect(struct ap_pieces *pieces, const struct ap_code_ranges *ranges);

#endif
