//! `backup`: a copy of the store as of one moment, while it is in use.
//!
//! The records are copied by the database in one transaction; the packs that copy speaks of never change, and are kept from the collector
//! until they are copied too. The records get their name last, so a backup that was cut off is not a store.

use super::collect::COLLECTOR;
use super::database::{Database, FILE};
use super::objects::ReadError;
use super::open::{make_directory, place_error};
use super::{Inner, Objects, Place, StoreError};
use sqlx::Row;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a backup waits for a collection or a check to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// The records before they are complete.
const PARTIAL: &str = "records.partial";

impl Inner {
    pub(super) async fn backup(self: Arc<Self>, to: PathBuf) -> Result<(), StoreError> {
        if self.config.place == Place::Memory {
            return Err(StoreError::InMemory);
        }
        let place = Place::Directory(to.clone());
        let failed = place_error(&place);
        make_directory(&to).map_err(&failed)?;
        if std::fs::read_dir(&to).map_err(&failed)?.next().is_some() {
            return Err(StoreError::Place {
                path: to,
                what: "it is not empty; a backup needs a directory of its own".into(),
            });
        }
        let lease = self.clone().lease(COLLECTOR.into(), PATIENCE).await?;
        let partial = to.join(PARTIAL);
        self.database.copy_to(&partial).await?;
        let objects = clean(&partial).await?;
        let target = Objects::new(&place)?;
        for name in objects {
            match self.objects.get_all(&name).await {
                Ok(bytes) => target.put(&name, bytes).await?,
                Err(ReadError::NotFound) => return Err(StoreError::Objects(format!("pack {name} is missing"))),
                Err(ReadError::Failed(what)) => return Err(StoreError::Objects(what)),
            }
        }
        publish(&partial, &to).map_err(&failed)?;
        lease.release().await;
        Ok(())
    }
}

/// Takes out of a copy what only concerns running processes. Answers the objects it needs.
async fn clean(records: &Path) -> Result<Vec<String>, StoreError> {
    let database = Database::at(records)?;
    for sql in [
        "PRAGMA journal_mode = WAL",
        "UPDATE lease SET holder = NULL, wanted = 0",
        "DELETE FROM holder",
        "DELETE FROM pin",
    ] {
        sqlx::query(sql).execute(database.bare()).await?;
    }
    let rows = sqlx::query("SELECT object FROM pack WHERE object IS NOT NULL").fetch_all(database.bare()).await?;
    let objects = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    database.close().await;
    Ok(objects)
}

fn publish(partial: &Path, to: &Path) -> std::io::Result<()> {
    File::open(partial)?.sync_all()?;
    std::fs::rename(partial, to.join(FILE))?;
    File::open(to)?.sync_all()
}
