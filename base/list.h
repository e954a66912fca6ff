/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list.
 *
 * A `struct list` is both a list's head and the link inside its members. An initialised link that
 * is on no list points to itself, so list_del() may be called twice. Not thread-safe.
 */
#ifndef NPUD_BASE_LIST_H
#define NPUD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* The member after or before `link` as a `type *`; the caller knows that there is one. */
#define list_first(head, type, member) container_of((head)->next, type, member)

/* Visit every member; the list must not change, except that `_safe` lets the visited one go. */
#define list_for_each(pos, head, member)                                                           \
	for (pos = container_of((head)->next, __typeof__(*pos), member); &pos->member != (head);   \
	     pos = container_of(pos->member.next, __typeof__(*pos), member))

#define list_for_each_safe(pos, tmp, head, member)                                                 \
	for (pos = container_of((head)->next, __typeof__(*pos), member),                           \
	    tmp = container_of(pos->member.next, __typeof__(*pos), member);                        \
	     &pos->member != (head);                                                               \
	     pos = tmp, tmp = container_of(tmp->member.next, __typeof__(*tmp), member))

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts `link` before `head`: at the tail when `head` is the list's head. */
static inline void list_add_tail(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_add_head(struct list *head, struct list *link)
{
	list_add_tail(head->next, link);
}

static inline void list_del(struct list *link)
{
	/* The analyser loses track of neighbours. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	link->prev->next = link->next;
	link->next->prev = link->prev;
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	list_init(link);
}

/* Moves all members of `from` to `ret_head`, an uninitialised head; `from` is empty then. */
static inline void list_take_all(struct list *ret_head, struct list *from)
{
	list_add_head(from, ret_head);
	list_del(from);
}

#endif
