/* SPDX-License-Identifier: MIT */
/* patch/pads.c - see pads.h. */
#include "patch/pads.h"

#include <string.h>

size_t ap_encoded_bytes(int encoding)
{
	const int form = encoding & 0x0f;

	return form == AP_ENCODED_SDATA4 || form == AP_ENCODED_UDATA4 ? 4 : 8;
}

bool ap_bytes_uleb(struct ap_bytes *bytes, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
		const uint8_t byte = *bytes->at++;
		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			return true;
		}
	}
	return false;
}

static bool take_fixed(struct ap_bytes *bytes, int form, uint64_t *ret)
{
	const size_t n = ap_encoded_bytes(form);
	uint32_t four;

	if ((size_t)(bytes->end - bytes->at) < n) {
		return false;
	}
	if (n == 8) {
		memcpy(ret, bytes->at, 8);
	} else {
		memcpy(&four, bytes->at, 4);
		*ret = form == AP_ENCODED_SDATA4 ? (uint64_t)(int64_t)(int32_t)four : four;
	}
	bytes->at += n;
	return true;
}

bool ap_bytes_encoded(struct ap_bytes *bytes, int form, uint64_t *ret)
{
	switch (form) {
	case AP_ENCODED_ULEB:
		return ap_bytes_uleb(bytes, ret);
	case AP_ENCODED_ABSOLUTE:
	case AP_ENCODED_UDATA4:
	case AP_ENCODED_UDATA8:
	case AP_ENCODED_SDATA4:
	case AP_ENCODED_SDATA8:
		return take_fixed(bytes, form, ret);
	default:
		return false;
	}
}

static bool take_byte(struct ap_bytes *bytes, int *ret)
{
	if (bytes->at >= bytes->end) {
		return false;
	}
	*ret = *bytes->at++;
	return true;
}

/* Where pads are counted from, when that is not the function's start. */
static bool take_pad_base(struct ap_pads *pads, const uint8_t *bytes, uint64_t address)
{
	int encoding;

	if (!take_byte(&pads->entries, &encoding)) {
		return false;
	}
	if (encoding == AP_ENCODED_OMIT) {
		return true;
	}
	const uint64_t here = address + (uint64_t)(pads->entries.at - bytes);
	if (!ap_bytes_encoded(&pads->entries, encoding & 0x0f, &pads->pad_base)) {
		return false;
	}
	pads->pad_base += (encoding & 0x70) == AP_ENCODED_FROM_HERE ? here : 0;
	return !(encoding & 0x60);
}

bool ap_pads_begin(struct ap_pads *pads, const uint8_t *bytes, size_t n, uint64_t address,
		   uint64_t function)
{
	uint64_t value;
	int types;

	*pads = (struct ap_pads){
		.entries = {bytes, bytes + n}, .base = function, .pad_base = function};
	if (!take_pad_base(pads, bytes, address) || !take_byte(&pads->entries, &types) ||
	    (types != AP_ENCODED_OMIT && !ap_bytes_uleb(&pads->entries, &value)) ||
	    !take_byte(&pads->entries, &pads->form) || !ap_bytes_uleb(&pads->entries, &value) ||
	    value > (uint64_t)(pads->entries.end - pads->entries.at)) {
		return false;
	}
	pads->entries.end = pads->entries.at + value;
	return pads->form == AP_ENCODED_ULEB || pads->form == AP_ENCODED_UDATA4 ||
	       pads->form == AP_ENCODED_UDATA8;
}

bool ap_pads_next(struct ap_pads *pads, struct ap_pad *ret)
{
	uint64_t start, length, pad, action;

	if (!ap_bytes_encoded(&pads->entries, pads->form, &start) ||
	    !ap_bytes_encoded(&pads->entries, pads->form, &length) ||
	    !ap_bytes_encoded(&pads->entries, pads->form, &pad) ||
	    !ap_bytes_uleb(&pads->entries, &action)) {
		return false;
	}
	*ret = (struct ap_pad){
		.start = pads->base + start,
		.end = pads->base + start + length,
		.pad = pad ? pads->pad_base + pad : 0,
	};
	return true;
}
