/* Text in XML: what no device and no person said may break it. */
#ifndef PENRIG_REPORTS_XML_H
#define PENRIG_REPORTS_XML_H

#include <stdio.h>

#define XML_TEXT_MAX 900 /* longer texts are cut: a reason of 600 and what stands around it */

void xml_put_text(FILE *out, const char *text);                        /* cleaned and escaped */
void xml_put_attribute(FILE *out, const char *key, const char *value); /* ` key="value"` */

#endif
