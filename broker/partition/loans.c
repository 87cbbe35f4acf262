#include "broker/partition/loans.h"

#include <stddef.h>
#include <stdlib.h>

#include "broker/posts.h"
#include "common/check.h"

struct loan {
    struct post post;     /* Comes home when the last reference to `lent` is gone. */
    struct post revoke;   /* Calls it home. */
    struct file lent;     /* The borrower's to count. */
    struct file *file;    /* One reference, ours. */
    struct partition *of; /* NULL: it has been freed. */
    uint32_t borrower;
    bool is_home;
    bool is_revoking; /* `revoke` is away. */
    TAILQ_ENTRY(loan) link;
};

static struct loan *of_post(struct post *post)
{
    return (struct loan *)(void *)post; /* Its first member. */
}

static struct loan *of_revoke(struct post *revoke)
{
    return (struct loan *)(void *)((char *)revoke - offsetof(struct loan, revoke));
}

struct file *loan_make(struct partition *p, struct file *file, uint32_t borrower)
{
    CHECK(file != NULL);
    CHECK(borrower != p->host->env->actor);

    struct loan *loan = calloc(1, sizeof *loan);
    CHECK(loan != NULL);
    loan->post.link.kind = POST_LOAN;
    loan->revoke.link.kind = POST_REVOKE;
    loan->file = file;
    loan->of = p;
    loan->borrower = borrower;
    file_lend(p->host->env, file, &loan->lent, &loan->post);
    p->loan_count++;
    TAILQ_INSERT_TAIL(&p->host->loans, loan, link);
    return &loan->lent;
}

bool loans_revoke(struct partition *p)
{
    if (p->loan_count == 0) return true;

    struct loan *loan;
    TAILQ_FOREACH(loan, &p->host->loans, link)
    {
        if (loan->of != p || loan->is_home || loan->is_revoking) continue;
        loan->is_revoking = true;
        env_post(p->host->env, loan->borrower, &loan->revoke);
    }
    return false;
}

void loans_orphan(struct partition *p)
{
    if (p->loan_count == 0) return;
    struct loan *loan;
    TAILQ_FOREACH(loan, &p->host->loans, link)
    {
        if (loan->of == p) loan->of = NULL;
    }
    p->loan_count = 0;
}

void loan_on_revoke(struct env *env, struct post *revoke)
{
    /* Given up meanwhile: it is on its way home, and stays until this is home too. */
    const struct loan *loan = of_revoke(revoke);
    if (loan->lent.refs > 0) env_revoke(env, &loan->lent);
    env_give_back(env, revoke);
}

static void maybe_free(struct partition_host *host, struct loan *loan)
{
    if (!loan->is_home || loan->is_revoking) return;
    TAILQ_REMOVE(&host->loans, loan, link);
    free(loan);
}

void loan_on_back(struct partition_host *host, struct post *post)
{
    struct loan *loan = of_post(post);
    CHECK(!loan->is_home);
    CHECK(loan->lent.refs == 0);

    loan->is_home = true;
    env_file_unref(host->env, loan->file);
    if (loan->of != NULL) {
        CHECK(loan->of->loan_count > 0);
        loan->of->loan_count--;
        loan->of = NULL;
    }
    maybe_free(host, loan);
}

void loan_on_revoke_back(struct partition_host *host, struct post *revoke)
{
    struct loan *loan = of_revoke(revoke);
    CHECK(loan->is_revoking);

    loan->is_revoking = false;
    maybe_free(host, loan);
}

void loans_close(struct partition_host *host)
{
    struct loan *loan;
    while ((loan = TAILQ_FIRST(&host->loans)) != NULL) {
        TAILQ_REMOVE(&host->loans, loan, link);
        free(loan);
    }
}
