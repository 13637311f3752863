/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What editors put into files of text unasked. */
#ifndef XCARP_CORE_TEXT_H
#define XCARP_CORE_TEXT_H

#include <stddef.h>
#include <string.h>

#define TEXT_BOM "\xef\xbb\xbf" /* a byte order mark, in UTF-8 */
#define TEXT_BOM_LEN (sizeof(TEXT_BOM) - 1)

/* How much of the text's beginning is to be passed over. */
static inline size_t text_bom_len(const char *text)
{
	return strncmp(text, TEXT_BOM, TEXT_BOM_LEN) ? 0 : TEXT_BOM_LEN;
}

#endif
