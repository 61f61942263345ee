/* Text in XML. */
#include "reports/xml.h"

#include "rig/base/text_clean.h"

void xml_put_text(FILE *out, const char *text)
{
	char clean[XML_TEXT_MAX];

	for (const char *c = text_clean(text, clean, sizeof(clean)); *c; c++) {
		switch (*c) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\n': fputs("&#10;", out); break;
		case '\t': fputs("&#9;", out); break;
		default: fputc(*c, out);
		}
	}
}

void xml_put_attribute(FILE *out, const char *key, const char *value)
{
	fprintf(out, " %s=\"", key);
	xml_put_text(out, value);
	fputc('"', out);
}
