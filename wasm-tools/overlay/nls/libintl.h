/* Messages as they are. cmp words one of them by the locale only where messages are translated, as they are on Debian. */
#ifndef COQUINA_LIBINTL_H
#define COQUINA_LIBINTL_H
#define gettext(message) ((char *) (message))
#define dgettext(domain, message) gettext (message)
#define dcgettext(domain, message, category) gettext (message)
#define ngettext(one, many, n) ((n) == 1 ? (char *) (one) : (char *) (many))
#define dngettext(domain, one, many, n) ngettext (one, many, n)
#define dcngettext(domain, one, many, n, category) ngettext (one, many, n)
#define textdomain(domain) ((char *) (domain))
#define bindtextdomain(domain, folder) ((char *) (folder))
#endif
