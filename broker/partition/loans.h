/* loans.h -- ranges of files that another shard sends: their references come home (DESIGN 3).
 *
 *   owner:  journal_read() -> loan_make() -> [in the group] -> home shard: sends, and gives back
 *   owner:  loans_on_back() <- [POST_LOAN, given back by env_file_unref()] <-+
 *
 * A file is counted by its owner alone; what the home shard counts is the loan's own `lent`. Before
 * bytes are cut that are lent, the loans are called back (loans_revoke): the borrower closes the
 * connections that still have to send them, which returns the loan.
 */
#ifndef BROKER_PARTITION_LOANS_H
#define BROKER_PARTITION_LOANS_H

#include "broker/partition/types.h"

/* Takes over the reference to `file`, whose bytes are the partition's; returns what to send. */
struct file *loan_make(struct partition *p, struct file *file, uint32_t borrower);

/* True if nothing of the partition is lent. Otherwise what is lent is called back: ask again. */
MUST_USE bool loans_revoke(struct partition *p);

/* The partition is about to be freed; what is lent of it still comes home. */
void loans_orphan(struct partition *p);

/* At the borrower: closes the connections that still have to send of it. */
void loan_on_revoke(struct env *env, struct post *revoke);

/* Home again: the loan (POST_LOAN), or the call for it (POST_REVOKE). */
void loan_on_back(struct partition_host *host, struct post *loan);
void loan_on_revoke_back(struct partition_host *host, struct post *revoke);

/* The world is gone: nothing comes home any more. */
void loans_close(struct partition_host *host);

#endif
