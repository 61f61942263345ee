/* Files of rig/station/page/ as the assembler takes them in; the Makefile knows that this file changes with them. */
#include "rig/station/page.h"

#include <string.h>

#define FILE_IN(symbol, name)                                                                                          \
	__asm__(".section .rodata\n.balign 16\n" #symbol "_begin:\n.incbin \"rig/station/page/" name "\"\n" #symbol    \
		"_end:\n.byte 0\n.previous\n");                                                                        \
	extern const unsigned char symbol##_begin[] __attribute__((visibility("hidden")));                             \
	extern const unsigned char symbol##_end[] __attribute__((visibility("hidden")))

FILE_IN(page_index, "index.html");
FILE_IN(page_style, "station.css");
FILE_IN(page_script, "station.js");
FILE_IN(page_words_en, "words.en.json");
FILE_IN(page_words_de, "words.de.json");

static const struct page_file files[] = {
	{"/", "text/html; charset=utf-8", page_index_begin, page_index_end},
	{"/station.css", "text/css; charset=utf-8", page_style_begin, page_style_end},
	{"/station.js", "text/javascript; charset=utf-8", page_script_begin, page_script_end},
	{"/words.en.json", "application/json", page_words_en_begin, page_words_en_end},
	{"/words.de.json", "application/json", page_words_de_begin, page_words_de_end},
};

const struct page_file *page_find(const char *path)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
