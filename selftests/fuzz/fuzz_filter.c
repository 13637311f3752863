// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What xcarpctl's user names virtual routers by, and a journal's entry that is to fit: the entry, then lines, each a
 * letter for the kind and what is asked for.
 */
#include "fuzz.h"

#include <errno.h>

#include "ctl/journal.h"

static void add(struct filter *filter, const uint8_t *bytes, size_t len)
{
	enum filter_kind kind = (enum filter_kind)(bytes[0] % (FILTER_OWNER + 1u));
	size_t before = filter->count;
	char *text = fuzz_string(bytes + 1, strnlen((const char *)bytes + 1, len - 1));
	char error[CTL_ERROR_LEN] = "";
	int err = filter_add(filter, kind, text, error);

	EXPECT(!err || (err == -EINVAL && *error && strlen(error) < sizeof(error)));
	EXPECT(filter->count == before + !err);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };
	struct filter filter = { 0 };
	struct journal_entry entry;

	fuzz_take(&input, &entry, sizeof(entry));
	while (input.len) {
		const uint8_t *end = memchr(input.bytes, '\n', input.len);
		size_t n = end ? (size_t)(end - input.bytes) : input.len;

		if (n)
			add(&filter, input.bytes, n);
		n += end ? 1 : 0;
		input.bytes += n;
		input.len -= n;
	}
	EXPECT(journal_matches(&entry, &filter) || filter.count);
	filter_names_vhid(&filter);
	filter_free(&filter);
	return 0;
}
